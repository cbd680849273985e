"""The placing port: tasks that name no swarm, and the swarm that takes each.

A swarm is open while it is active, not sealed and not full (`policy.placement.is_open`). Choosing
and adding are one operation, so what was chosen is what gets the task: nobody leads, and any
process may call. A load is that of the moment; tasks that come together are placed one after the
other, each seeing those before it.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.errors import SkepError
from skep.records.placement import Candidate, Distribution, Placed


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

    async def candidates(self, *, limit: int = 50) -> Sequence[Candidate]:
        """Read open swarms, those with the least load first."""
        ...


class Fleetwide(Protocol):
    """What a store has for all swarms together."""

    @property
    def placing(self) -> Placing:
        """Where tasks go that may go anywhere."""
        ...
