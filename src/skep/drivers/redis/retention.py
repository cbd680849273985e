"""Forgetting what has ended, in calls of some milliseconds."""

from collections.abc import Sequence

from skep.drivers.redis import reading
from skep.drivers.redis.ports import Desk
from skep.records.errors import SkepError, SwarmKept, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.retention import Dropped
from skep.records.swarm import Swarm


class RedisRetention:
    """Forgetting what has ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def due(self, before: float, *, limit: int = 50) -> Sequence[Swarm]:
        """See `ports.retention.Retention.due`."""
        found: list[Swarm] = []
        for swarm in await self._desk.life.call("due", repr(before), limit):
            try:
                found.append(await reading.swarm(self._desk.wire, SwarmId(swarm)))
            except SwarmNotFound:
                continue  # another process has forgotten it meanwhile
        return found

    async def forget(
        self, swarms: Sequence[SwarmId], *, before: float
    ) -> Sequence[bool | SkepError]:
        """See `ports.retention.Retention.forget`."""
        rows = await self._desk.call("forget", repr(before), *swarms)
        return [_forgotten(row, swarm) for row, swarm in zip(rows, swarms, strict=True)]

    async def clear(self, *, limit: int = 256) -> int:
        """See `ports.retention.Retention.clear`."""
        return int(await self._desk.call("clear", limit))

    async def drop_blobs(self, before: float, *, limit: int = 64) -> Dropped:
        """See `ports.retention.Retention.drop_blobs`."""
        blobs, size = await self._desk.call("drop", repr(before), limit)
        return Dropped(blobs=int(blobs), size_bytes=int(size))

    async def give_back(self, *, limit: int = 256) -> int:
        """See `ports.retention.Retention.give_back`: the server sees to its memory itself."""
        del limit
        return 0


def _forgotten(row: Sequence[str], swarm: SwarmId) -> bool | SkepError:
    if row[0] == "KEPT":
        return SwarmKept(swarm=swarm, status=row[1])
    return row[0] == "GONE"
