"""The placing port: tasks that name no swarm, and the swarm that takes each.

A swarm is open while it is active, not sealed and not full (`policy.placement.is_open`). Choosing
and adding are one operation, so what was chosen is what gets the task: nobody leads, and any
process may call. A load is that of the moment; tasks that come together are placed one after the
other, each seeing those before it.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.errors import SkepError
from skep.records.leadership import Mandate
from skep.records.placement import Candidate, Distribution, Placed, Shift


class Placing(Protocol):
    """Where tasks go that may go anywhere."""

    async def distribute(self, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
        """Add each task to the open swarm that comes first by its placement, and say why.

        Idempotent by command: repeated, it is ALREADY and tells where the task is. The choice
        stands in the event `swarm.extended`. Answers `NoSwarmFits`, `PlanRefused` and its kinds
        (`DuplicateTask` when the swarm that was chosen has a task of that key), `CommandConflict`,
        or `ArtifactNotFound`; of a refused one nothing is stored. Cost: one round trip; it grows
        with the number of crews, not of swarms.
        """
        ...

    async def candidates(self, *, limit: int = 50, heaviest: bool = False) -> Sequence[Candidate]:
        """Read open swarms, those with the least load first, or those with the most."""
        ...

    async def shift(
        self, shifts: Sequence[Shift], *, mandate: Mandate | None = None
    ) -> Sequence[Sequence[Placed] | SkepError]:
        """Move tasks that were distributed from open swarms to others; says where each is now.

        A task is moved that is ready, that nobody ever began, that no other task waits for or is
        waited for by, and whose placement would be as right there: by load, or by capability. The
        youngest goes first. In the swarm that it leaves it stands as cancelled, with the reason,
        counts as no failure there, and is not retried. Its command tells where it is now.

        Answers `InvalidInput`, `LimitExceeded`, `SwarmNotFound`, or `SwarmClosed` for a swarm that
        is not open. Raises `StaleTerm` for a mandate that is void; then nothing was moved.
        """
        ...


class Fleetwide(Protocol):
    """What a store has for all swarms together."""

    @property
    def placing(self) -> Placing:
        """Where tasks go that may go anywhere."""
        ...
