"""The caretaker: forgets what ended long enough ago, in pieces, and only where it was asked to.

Leaderless like the sweep: any number of caretakers may be at it at once, and what one of them
left half done, the next one finishes. Between two pieces it rests, so that the others' commands
come first.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from skep.ports.retention import Retention
from skep.ports.system import Clock

CONTENT_GRACE_S: Final = 3600.0
"""How long a content is kept at least that was put and that nothing refers to (yet)."""

REST_S: Final = 0.01
SWARMS_AT_ONCE: Final = 8
RECORDS_AT_ONCE: Final = 256
BLOBS_AT_ONCE: Final = 32
PAGES_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What went so far: swarms with their records, contents, and room in the store's file."""

    swarms: int = 0
    records: int = 0
    contents: int = 0
    content_bytes: int = 0
    given_back_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Caretaker:
    """Forgets swarms that ended more than `keep_s` seconds ago, and what nothing refers to."""

    retention: Retention
    clock: Clock
    keep_s: float

    async def tick(self) -> Tidied:
        """Do all that is due; returns what went."""
        last = Tidied()
        async for so_far in self.pieces():
            last = so_far
        return last

    async def pieces(self) -> AsyncIterator[Tidied]:
        """Do all that is due, telling after each piece of work what went so far."""
        tidied, now = Tidied(), self.clock.now()
        async for gone in self._forgotten(now - self.keep_s):
            tidied = replace(tidied, swarms=tidied.swarms + gone)
            yield tidied
        while gone := await self.retention.clear(limit=RECORDS_AT_ONCE):
            tidied = replace(tidied, records=tidied.records + gone)
            yield tidied
            await self.clock.sleep(REST_S)
        grace_s = now - CONTENT_GRACE_S
        while (dropped := await self.retention.drop_blobs(grace_s, limit=BLOBS_AT_ONCE)).blobs:
            contents, size = tidied.contents + dropped.blobs, dropped.size_bytes
            tidied = replace(tidied, contents=contents, content_bytes=tidied.content_bytes + size)
            yield tidied
            await self.clock.sleep(REST_S)
        while size := await self.retention.give_back(limit=PAGES_AT_ONCE):
            tidied = replace(tidied, given_back_bytes=tidied.given_back_bytes + size)
            yield tidied
            await self.clock.sleep(REST_S)

    async def _forgotten(self, before: float) -> AsyncIterator[int]:
        """Forget what is due; one that is live again meanwhile is refused, and is due no more."""
        while due := await self.retention.due(before, limit=SWARMS_AT_ONCE):
            answers = await self.retention.forget([swarm.id for swarm in due], before=before)
            yield sum(answer is True for answer in answers)
            await self.clock.sleep(REST_S)
