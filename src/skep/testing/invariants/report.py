"""How a broken invariant is reported: its number and name first, then the culprit."""

from typing import Final

NAMES: Final = {
    1: "States",
    2: "Readiness",
    3: "Edge once",
    4: "One entry",
    6: "No lost task",
    7: "Conservation",
    8: "One holder",
    11: "Reclaim",
    12: "Bounded attempts",
    13: "Hard deadline",
    14: "Term",
    15: "Incarnation",
    17: "All or nothing",
    19: "Write once",
    20: "Fingerprint",
    22: "Pay once",
    23: "Effect class",
    24: "Budget",
    25: "Log",
    26: "Inbox",
    27: "Cancel",
    29: "Bounds",
    31: "Retention",
    33: "Same contract",
    38: "Asked once",
    39: "First decision",
    40: "Withdrawn",
    41: "Gates",
    42: "Breaker",
    44: "Told",
    57: "Census",
    58: "Hosts",
    59: "Adoption",
    50: "Placement",
    51: "Pools",
    52: "Disputes",
}
"""The invariants of live state that a look at the store can prove."""


class InvariantBroken(AssertionError):
    """The store stands where no sequence of commands may bring it."""

    def __init__(self, number: int, detail: str) -> None:
        super().__init__(f"I{number} {NAMES[number]}: {detail}")
        self.number = number


def hold(number: int, detail: str, *, that: bool) -> None:
    """Raise `InvariantBroken` unless what invariant `number` says is so."""
    if not that:
        raise InvariantBroken(number, detail)
