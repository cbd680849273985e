"""The terms port: who leads the fleet, and in which term; a leader's writes are checked against it.

The store judges a lease by its own clock, in one operation each. No write is safe because a lease
stands: it is safe because the operation that writes compares the leader's mandate with the last
election and refuses any other (`StaleTerm`). So a leader that was stopped for an hour, or whose
clock is wrong, changes nothing when it comes back; and one whose lease ran out while nobody else
was elected still leads, for nobody can disagree with it.

Operations of other ports that only a leader should do take the mandate as an optional argument,
and check it in the same transaction: `policy.election.may_act`, `drivers.memory.terms.fence`,
`drivers.sqlite.electing.fence`, and `fenced_by_term` among the functions of Redis.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate


class Terms(Protocol):
    """Elections, and what leaders have done."""

    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """Lead from now on if nobody else does, in a term higher than every one before.

        Answers the leadership that stands then, `is_mine` when the node won. A node that leads
        already begins the next term: it is another life of it, or was not answered. `seen` is the
        highest term that the node knows of, which a store that lost its memory begins after.
        Raises `InvalidInput`.
        """
        ...

    async def renew(self, mandate: Mandate, *, lease_s: float) -> Leadership:
        """Let the lease end `lease_s` from now, also when it ran out and nobody was elected since.

        Raises `StaleTerm`, after which the node does not lead any more.
        """
        ...

    async def resign(self, mandate: Mandate) -> bool:
        """Leave the leadership, so that the next campaign wins at once; False when it was not held.

        The mandate is void from then on.
        """
        ...

    async def note(self, mandate: Mandate, run: DutyRun) -> None:
        """Keep how a duty went, in place of what was kept of it before, under the mandate.

        Node, term and time are those of the mandate and of the store. Raises `StaleTerm`, or
        `InvalidInput` and `LimitExceeded` for the words; then nothing was kept.
        """
        ...

    async def read(self) -> Leadership | None:
        """Read the last election of this store, of an earlier life of it too; None before any."""
        ...

    async def duties(self) -> Sequence[DutyRun]:
        """Read how each duty went last, by name."""
        ...


class Led(Protocol):
    """What a store has for a fleet that is led."""

    @property
    def terms(self) -> Terms:
        """Elections."""
        ...
