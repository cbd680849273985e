"""How many swarms may live at once, and when to say that it is getting full.

The count is read from the store and kept for a few registrations, fewer the fuller the fleet is. It
is no lock: processes that register in the same moment may pass the limit by as many as each of them
had left of its count, which is a tenth of the room there was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from skep.records.directory import Statistics
from skep.records.fleet_errors import FleetFull
from skep.records.limits import SWARMS_LIVE_MAX

NEARLY_FULL: Final = 0.9
"""From this part of the limit on, whoever registers a swarm is warned."""

Warn = Callable[["Room"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many swarms live, and how many may."""

    live: int
    allowed: int

    @property
    def is_scarce(self) -> bool:
        """Whether it is time to warn."""
        return self.live >= NEARLY_FULL * self.allowed


def _nobody(room: Room) -> None:
    del room


class Counted(Protocol):
    """Who knows how many swarms there are."""

    async def statistics(self) -> Statistics:
        """See `ports.directory.Directory.statistics`."""
        ...


class Capacity:
    """Lets swarms in as long as there is room; one for each process."""

    def __init__(
        self,
        directory: Counted,
        *,
        swarms_max: int = SWARMS_LIVE_MAX,
        warn: Warn = _nobody,
    ) -> None:
        self._directory = directory
        self._swarms_max = swarms_max
        self._warn = warn
        self._left = 0

    async def room(self) -> Room:
        """Read how many swarms live now."""
        figures = await self._directory.statistics()
        return Room(live=figures.live, allowed=self._swarms_max)

    async def take(self) -> None:
        """Let one swarm in. Raises `FleetFull`."""
        if self._left <= 0:
            room = await self.room()
            if room.live >= room.allowed:
                raise FleetFull(live=room.live, allowed=room.allowed)
            if room.is_scarce:
                self._warn(room)
            self._left = max(1, (room.allowed - room.live) // 10)
        self._left -= 1
