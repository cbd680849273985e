"""Random histories in which tasks that name no swarm find theirs."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from skep.records.command import ReceiptVerdict
from skep.records.ids import SwarmId
from skep.records.placement import Distribution, Placed, Placement, Shift
from skep.testing.samples import distribution, submission
from skep.testing.strategies import PICKS
from skep.testing.telling_machine import TellingMachine

SKILLS = ("backend", "text")
TEAMS = ("team1", "team2", "team3")


class PlacingMachine(TellingMachine):
    """The machine of the store, with open teams and distributed tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.distributed: list[Distribution] = []

    @rule(
        swarm=st.sampled_from(TEAMS),
        skills=st.sets(st.sampled_from(SKILLS)),
        priority=st.sampled_from([3, 5]),
        slots=st.integers(1, 3),
    )
    def gather(self, *, swarm: str, skills: set[str], priority: int, slots: int) -> None:
        """Open a team; one that is there already is refused."""
        asked = submission(
            swarm,
            sealed=False,
            priority=priority,
            max_agents=slots,
            capabilities=tuple(sorted(skills)),
        )
        self.all_of(lambda store: store.work.submit([asked]))

    @rule(
        placement=st.sampled_from(list(Placement)),
        needs=st.sets(st.sampled_from([*SKILLS, "ghost"]), max_size=2),
        times=st.integers(1, 3),
    )
    def distribute(self, placement: Placement, needs: set[str], times: int) -> None:
        """Place tasks, all in one call."""
        first = len(self.distributed)
        asked = [
            distribution(*needs, key=f"d{first + n}", placement=placement) for n in range(times)
        ]
        self.distributed.extend(asked)
        self.all_of(lambda store: store.placing.distribute(asked))

    @precondition(lambda self: self.distributed)
    @rule(pick=PICKS)
    def distribute_again(self, pick: int) -> None:
        """Repeat a distribution whose answer was lost: what was placed is where it is."""
        asked = self.distributed[-1 - pick % len(self.distributed)]
        [first] = self.all_of(lambda store: store.placing.distribute([asked]))
        if isinstance(first, Placed):
            [again] = self.unmoved(lambda store: store.placing.distribute([asked]))
            assert isinstance(again, Placed)
            assert again.verdict is ReceiptVerdict.ALREADY
            assert again.ref == first.ref

    @rule(giver=st.sampled_from(TEAMS), taker=st.sampled_from(TEAMS), number=st.integers(0, 3))
    def shift(self, *, giver: str, taker: str, number: int) -> None:
        """Move tasks between teams that are open or not, or to nowhere."""
        asked = Shift(source=SwarmId(giver), target=SwarmId(taker), number=number)
        self.all_of(lambda store: store.placing.shift([asked]))
