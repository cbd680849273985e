"""The chore `archive`: what was deregistered and has ended is kept in short, and later not at all.

Leaderless, as the sweep is. To deregister a swarm is to ask for this; nothing else is touched.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from skep.ports.directory import Directory
from skep.ports.system import Clock
from skep.records.directory import archived_of

LIVE_S: Final = 24 * 3600.0
"""How long a deregistered swarm stays as it is after its end."""

KEEP_S: Final = 7 * 24 * 3600.0
"""How long its record is kept then."""

CLEAN_S: Final = 300.0
"""How often there is a look for what is due."""

AT_ONCE: Final = 16
REST_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Archivist:
    """Archives swarms `live_s` after their end, and drops their records `keep_s` after that."""

    name: ClassVar[str] = "archive"

    directory: Directory
    clock: Clock
    every_s: float = CLEAN_S
    live_s: float = LIVE_S
    keep_s: float = KEEP_S

    async def perform(self, mandate: object = None) -> int:
        """Do all that is due; returns how many swarms were archived."""
        del mandate
        now, count = self.clock.now(), 0
        while departed := await self.directory.departed(now - self.live_s, limit=AT_ONCE):
            records = [archived_of(each) for each in departed]
            done = await self.directory.archive(records, keep_s=self.keep_s)
            if not any(done):
                break  # others are at it, or the swarms went on
            count += sum(done)
            await self.clock.sleep(REST_S)
        while await self.directory.expire(now - self.keep_s):
            await self.clock.sleep(REST_S)
        return count
