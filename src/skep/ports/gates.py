"""The gates port: what providers let through, shared by all workers of a store.

Nothing here belongs to a swarm, and nothing of it is needed for a swarm to be right: a store that
lost it lets a provider be asked more often than it likes for as long as its limits reach back.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.gate import Gate, GateReport, Knock, KnockAnswer


class Gates(Protocol):
    """Leave to ask providers."""

    async def admit(self, knocks: Sequence[Knock]) -> Sequence[KnockAnswer]:
        """Ask leave for requests, in order; each is admitted at all of its gates, or waits.

        In no stretch of a rate, by the store's clock, do more pass than the rate says; nor are
        more behind a gate at once than its limits say. Idempotent by the knock's id until its pass
        is reported or has run out. Raises `InvalidInput` or `LimitExceeded`, and then nobody was
        admitted.
        """
        ...

    async def report(self, reports: Sequence[GateReport]) -> None:
        """Tell what came of requests, which frees their places.

        A report of a pass is idempotent; repeated without one it counts as another request.
        Raises `InvalidInput` or `LimitExceeded`, and then nothing was taken in.
        """
        ...

    async def read(self) -> Sequence[Gate]:
        """Read the gates that anybody knocked at or told of, by name."""
        ...

    async def reopen(self, gates: Sequence[str]) -> Sequence[bool]:
        """Forget the rests and the breakers of gates; False where there is no such gate."""
        ...
