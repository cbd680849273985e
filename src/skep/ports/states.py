"""The states port: whole swarms written down at one moment, and put back to work from there.

A capture belongs to its swarm and goes with it. It is written once and never changes; what it
refers to is kept as long as the swarm is, and the parts of its image as long as the capture itself.

Reinstatement is the only way back: a swarm that is to be rebuilt is suspended first, which voids
every token, so that nobody can write into it while it is rebuilt, and nothing that an earlier
holder writes afterwards is accepted.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.capture import Capture, CaptureKind, CaptureTotals
from skep.records.command import Receipt
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.image import Image
from skep.records.recovering import Founding, Reinstatement
from skep.records.swarm import SwarmStatus


class States(Protocol):
    """Captures of swarms, and how a swarm is rebuilt from one."""

    async def image(self, swarm: SwarmId) -> Image:
        """Read a whole swarm as it is at one moment; tasks without a record are left out.

        Raises `SwarmNotFound`.
        """
        ...

    async def keep(self, capture: Capture) -> Capture:
        """Keep a capture under the next number of its kind, which is given back with its time.

        Of those without a label the oldest go, so that CAPTURES_KEPT stay. The same image again,
        while it is the newest of its kind and label, is the capture that stands. Raises
        `SwarmNotFound`, `LimitExceeded`, or `ArtifactNotFound` for a part that is not kept.
        """
        ...

    async def captures(
        self, swarm: SwarmId, *, kind: CaptureKind | None = None
    ) -> Sequence[Capture]:
        """Read the captures of a swarm, the newest first. Raises `SwarmNotFound`."""
        ...

    async def drop(self, swarm: SwarmId, kind: CaptureKind, number: int) -> bool:
        """Let go of a capture; False when there is none. Raises `SwarmNotFound`."""
        ...

    async def suspend(self, swarm: SwarmId) -> SwarmStatus:
        """Take a swarm from all who work on it: it is `recovering`, and what ran is ready again.

        Suspended again it stays so. Raises `SwarmNotFound`, or `IllegalMove` for one that has ended
        or is paused.
        """
        ...

    async def reinstate(self, reinstatement: Reinstatement) -> SwarmStatus:
        """Put a suspended swarm back to work as it is told, all of it or nothing.

        Its ready queues are made anew. Raises `SwarmNotFound`, `IllegalMove` for one that is not
        suspended, or `Conflict` when its log has gone on.
        """
        ...

    async def found(self, founding: Founding) -> Receipt | SkepError:
        """Make a swarm from an image, under the id that stands in it.

        Answers `CommandConflict`, also for an id that is taken, or `ArtifactNotFound`; then
        nothing was made.
        """
        ...

    async def totals(self) -> CaptureTotals:
        """Read what was done with captures in this store: by kind, dropped, reinstated, founded."""
        ...


class Remembering(Protocol):
    """What a store has for swarms that are to be taken up again."""

    @property
    def states(self) -> States:
        """Captures and recovery."""
        ...
