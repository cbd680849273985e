"""Random histories in which calls are paid for: reserved, settled, lapsed, lost, and raised."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from skep.records.purse import Amount, Budget
from skep.records.step import Effect, StepVerdict
from skep.records.swarm import SwarmMove
from skep.testing.machine import StoreMachine
from skep.testing.samples import intent, lapsed, order, record
from skep.testing.strategies import BUDGETS, PICKS, RESERVED, STEP_KEYS, USED


class PurseMachine(StoreMachine):
    """The machine of the store, with purses."""

    @precondition(lambda self: self.grants)
    @rule(
        pick=PICKS,
        key=st.sampled_from(STEP_KEYS),
        effect=st.sampled_from([Effect.PURE, Effect.PURE, Effect.ONCE]),
        reserve=st.sampled_from(RESERVED),
        name=st.sampled_from(["p", "p", "q"]),
    )
    def pay(self, pick: int, key: str, *, effect: Effect, reserve: Amount, name: str) -> None:
        """Announce a call that takes something of the purse, perhaps in the place of another."""
        token = self.grants[-1 - pick % min(len(self.grants), 4)].token
        called = f"{name}{token.attempt}"
        announced = intent(token, key, effect=effect, reserve=reserve, name=called)
        [answer] = self.all_of(lambda store: store.journal.write([announced]))
        self.intents.append((announced, answer))

    @precondition(lambda self: self.intents)
    @rule(pick=PICKS, usage=st.sampled_from(USED))
    def take(self, pick: int, usage: Amount | None) -> None:
        """Tell a call's result and what it took; told again, nothing is counted twice."""
        announced = self.intents[-1 - pick % len(self.intents)][0]
        told = record(announced.token, announced.key, value=pick % 3, usage=usage, payee="m")
        told = replace(told, fingerprint=announced.fingerprint)
        [first] = self.all_of(lambda store: store.journal.write([told]))
        if first.verdict is StepVerdict.RECORDED:
            assert self.unmoved(lambda store: store.journal.write([told])) == [first]

    @precondition(lambda self: self.intents)
    @rule(pick=PICKS, charge=st.sampled_from(USED))
    def lapse(self, pick: int, charge: Amount | None) -> None:
        """Tell that a call ended without an answer; told again, nothing is counted twice."""
        announced = self.intents[-1 - pick % len(self.intents)][0]
        ended = lapsed(announced.token, announced.key, charge=charge, payee="m")
        ended = replace(ended, fingerprint=announced.fingerprint)
        first = self.all_of(lambda store: store.journal.write([ended]))
        assert self.unmoved(lambda store: store.journal.write([ended])) == first

    @rule(pick=PICKS, budget=st.sampled_from(BUDGETS))
    def raise_budget(self, pick: int, budget: Budget) -> None:
        """Give a purse other limits, which lets a swarm go on that its purse had paused."""
        swarm = self.submitted[-1 - pick % len(self.submitted)].swarm
        asked = order(swarm, SwarmMove.RAISE, budget=budget)
        self.all_of(lambda store: store.work.steer([asked]))

    @rule(pick=PICKS)
    def cut_short(self, pick: int) -> None:
        """Have a swarm finish with what there is."""
        swarm = self.submitted[-1 - pick % len(self.submitted)].swarm
        self.all_of(lambda store: store.work.steer([order(swarm, SwarmMove.CUT_SHORT)]))
