"""What the fleet refuses when swarms share it: a place for a task, a part of a pool.

NotFound    PoolNotFound
Conflict
├── NoSwarmFits     no open swarm can take a distributed task
├── OverCapacity    more was asked of a pool than it has
├── PoolBusy        what was asked of a pool was not free in time
└── PoolInUse       a pool cannot be declared smaller than what is held of it
"""

from collections.abc import Sequence

from skep.records.errors import Conflict, NotFound


class NoSwarmFits(Conflict):
    """No open swarm can take the task."""

    code = "no_swarm_fits"

    def __init__(self, *, task: str, needs: Sequence[str], missing: Sequence[str]) -> None:
        why = "none is active and open"
        if missing:
            why = f"nobody declared {', '.join(missing)}"
        elif needs:
            why = f"none has all of {', '.join(needs)}"
        super().__init__(
            f"No swarm can take task {task!r}: {why}.",
            hint="Submit a swarm with an open plan (sealed=False) and the capabilities it takes.",
        )
        self.task = task
        self.missing = tuple(missing)


class OverCapacity(Conflict):
    """The pool has less than was asked of it, so it would never be its turn."""

    code = "over_capacity"

    def __init__(self, *, pool: str, amount: int, capacity: int) -> None:
        super().__init__(
            f"{amount:,} was asked of pool {pool!r}, which has {capacity:,}.",
            hint="Ask for less, or declare the pool larger.",
        )
        self.pool = pool
        self.amount = amount
        self.capacity = capacity


class PoolBusy(Conflict):
    """Others hold what was asked for, and did not give it back in time."""

    code = "pool_busy"
    http_status = 429

    def __init__(self, *, pool: str, amount: int, seconds: float) -> None:
        super().__init__(
            f"{amount:,} of pool {pool!r} was not free within {seconds:g} s.",
            hint="Wait longer (patience_s), or try again; `skep fleet resources` shows who has it.",
        )
        self.pool = pool
        self.amount = amount


class PoolInUse(Conflict):
    """Those who hold or wait for parts of the pool could not live with the change."""

    code = "pool_in_use"

    def __init__(self, *, pool: str, capacity: int, wanted: int) -> None:
        super().__init__(
            f"Pool {pool!r} cannot have {capacity:,} or one swarm alone: {wanted:,} is in use.",
            hint="Wait until it is given back; `skep fleet resources` shows who holds it.",
        )
        self.pool = pool
        self.wanted = wanted


class PoolNotFound(NotFound):
    """There is no such pool."""

    code = "pool_not_found"

    def __init__(self, *, pool: str) -> None:
        super().__init__(
            f"There is no pool {pool!r}.",
            hint=f"Declare it first: skep fleet declare {pool} CAPACITY",
        )
        self.pool = pool


class DisputeNotFound(NotFound):
    """There is no such dispute."""

    code = "dispute_not_found"

    def __init__(self, *, dispute: str) -> None:
        super().__init__(
            f"There is no dispute {dispute!r}.", hint="`skep fleet conflicts` shows them."
        )
        self.dispute = dispute


class AlreadyVoted(Conflict):
    """Another ballot of this voter stands."""

    code = "already_voted"

    def __init__(self, *, voter: str, party: str) -> None:
        super().__init__(f"{voter} has voted for swarm {party}, and that stands.")
        self.voter = voter
        self.party = party


class DisputeRuled(Conflict):
    """The dispute is settled; no ballot counts any more."""

    code = "dispute_ruled"

    def __init__(self, *, dispute: str, winner: str) -> None:
        super().__init__(f"Dispute {dispute!r} is settled: swarm {winner} has won.")
        self.dispute = dispute
        self.winner = winner


class NotEntitled(Conflict):
    """Who voted may not, or voted for nobody in the dispute."""

    code = "not_entitled"
    http_status = 403


class NotSettled(Conflict):
    """The votes do not decide the dispute yet."""

    code = "not_settled"

    def __init__(self, why: str, *, dispute: str) -> None:
        super().__init__(
            f"Dispute {dispute!r} is not settled: {why}",
            hint="More ballots settle it, or a rule for ties in the next dispute of the kind.",
        )
        self.dispute = dispute
