"""Leadership of a fleet: who leads in which term, the proof of it, and what a leader has done.

The term is a fencing number: each election opens a higher one, and what a leader writes is checked
against it inside the operation that writes. A lease that ran out revokes nothing by itself; the
next election, or a resignation, does (docs/leadership.md).
"""

from dataclasses import dataclass

from skep.records.ids import WorkerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """Proof of one leadership: of which node, in which term of which life of the store."""

    incarnation: str
    node: WorkerId
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leadership:
    """The last election as the store has it. Times are seconds since 1970 by the store's clock.

    `is_held` says whether its lease stood when the store answered, and `is_mine` whether the node
    that asked for it has it. Until the next election a leadership whose lease ran out is still the
    current one; one that was resigned is nobody's.
    """

    incarnation: str
    node: WorkerId
    term: int
    since: float
    expires_at: float
    lease_s: float
    is_resigned: bool = False
    is_held: bool = False
    is_mine: bool = False

    @property
    def mandate(self) -> Mandate:
        """What its holder proves it by."""
        return Mandate(incarnation=self.incarnation, node=self.node, term=self.term)


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRun:
    """The last time that a duty was done: by whom, in which term, and what came of it.

    `result` is a count or a few words, or why it failed. `at` is the store's to tell.
    """

    duty: str
    node: WorkerId
    term: int
    result: str = ""
    is_failure: bool = False
    at: float = 0.0
