"""Random histories in which people tell swarms things; every answer of the journal counts them."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmMove
from skep.testing.purse_machine import PurseMachine
from skep.testing.samples import order
from skep.testing.strategies import PICKS


class TellingMachine(PurseMachine):
    """The machine of the store, with purses and people."""

    @rule(pick=PICKS, text=st.sampled_from(["stop/é", "go\n", " "]), names=st.sampled_from("anx"))
    def say(self, pick: int, text: str, names: str) -> None:
        """Tell a swarm something, or one task of it that is there or not; sometimes twice."""
        asked = self.submitted[-1 - pick % len(self.submitted)]
        specs = asked.plan.tasks
        keys = {"a": [], "n": [specs[pick % len(specs)].key], "x": ["ghost"]}[names]
        self.ordered += 1
        told = order(
            asked.swarm,
            SwarmMove.TELL,
            *keys,
            text=text,
            by="ann",
            command=f"say {self.ordered}" if pick % 2 else "",
        )
        [answer] = self.all_of(lambda store: store.work.steer([told]))
        if told.command and not isinstance(answer, SkepError):
            self.named.append(told)

    @precondition(lambda self: self.submitted)
    @rule(pick=PICKS, after=st.integers(0, 3))
    def listen(self, pick: int, after: int) -> None:
        """Read what a swarm was told, from anywhere on."""
        swarm = SwarmId(self.submitted[-1 - pick % len(self.submitted)].swarm)
        self.unmoved(lambda store: store.registry.told(swarm, after=after))
