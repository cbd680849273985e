"""Random histories in which requests knock at gates, and what came of them is told."""

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from typing_extensions import override

from skep.records.gate import BOUNDLESS, GateReport, Knock, Limits, Passage, Rate, Unit
from skep.testing.purse_machine import PurseMachine
from skep.testing.strategies import PICKS

FEW: Final = Limits(
    rates=(
        Rate(unit=Unit.REQUESTS, most=3, per_s=7.0),
        Rate(unit=Unit.TOKENS, most=100, per_s=7.0),
    ),
    at_once=2,
)
MANY: Final = Limits(rates=(Rate(unit=Unit.REQUESTS, most=200, per_s=60.0),))
LIMITS: Final = st.sampled_from([FEW, MANY, BOUNDLESS])


class GateMachine(PurseMachine):
    """The machine of the store, with purses and gates."""

    @override
    def __init__(self) -> None:
        super().__init__()
        self.knocks: list[Knock] = []

    @rule(
        limits=st.tuples(LIMITS, LIMITS),
        model=st.sampled_from(["p:m", "p:n"]),
        tokens=st.sampled_from([0, 7, 30, 500]),
        patience_s=st.sampled_from([0.0, 1.0]),
        times=st.integers(1, 3),
    )
    def knock(
        self,
        *,
        limits: tuple[Limits, Limits],
        model: str,
        tokens: int,
        patience_s: float,
        times: int,
    ) -> None:
        """Knock at the gates of a model, once or a few times in one call."""
        names = ("p", model)
        knocks = [
            Knock(
                id=f"k{len(self.knocks) + number}",
                gates=tuple(zip(names, limits, strict=True)),
                tokens=tokens,
                patience_s=patience_s,
                expires_s=20.0,
            )
            for number in range(times)
        ]
        self.all_of(lambda store: store.gates.admit(knocks))
        self.knocks.extend(knocks)

    @precondition(lambda self: self.knocks)
    @rule(
        pick=PICKS,
        passage=st.sampled_from(Passage),
        tokens=st.sampled_from([None, 0, 12, 90]),
        rest_s=st.sampled_from([None, None, None, 2.5]),
    )
    def told(
        self, pick: int, *, passage: Passage, tokens: int | None, rest_s: float | None
    ) -> None:
        """Tell what came of a knock, let through or not, at both of its gates; then once more."""
        knock = self.knocks[-1 - pick % min(len(self.knocks), 6)]
        reports = [
            GateReport(gate=name, passage=passage, id=knock.id, tokens=tokens, rest_s=rest_s)
            for name, _ in knock.gates
        ]
        self.all_of(lambda store: store.gates.report(reports))
        self.unmoved(lambda store: store.gates.report(reports))

    @rule(
        gate=st.sampled_from(["p", "p:m"]),
        passage=st.sampled_from([Passage.FAILED, Passage.FAILED, Passage.LIMITED]),
        times=st.sampled_from([1, 5]),
        successes=st.sampled_from([0, 0, 3]),
    )
    def fail_unasked(self, *, gate: str, passage: Passage, times: int, successes: int) -> None:
        """Tell of requests that needed no leave."""
        report = GateReport(gate=gate, passage=passage, successes=successes)
        reports = [report, *[replace(report, successes=0)] * (times - 1)]
        self.all_of(lambda store: store.gates.report(reports))

    @precondition(lambda self: self.knocks)
    @rule(pick=PICKS, reopens=st.booleans())
    def knock_again(self, pick: int, *, reopens: bool) -> None:
        """Repeat a knock whose answer was lost, perhaps at gates that a person reopened."""
        if reopens:
            self.all_of(lambda store: store.gates.reopen(["p", "ghost"]))
        knock = self.knocks[-1 - pick % len(self.knocks)]
        self.all_of(lambda store: store.gates.admit([knock]))
