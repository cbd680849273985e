"""What people told swarms, from their lists; a message's number is its place."""

from typing import Any

from skep.drivers.redis.wire import Wire
from skep.records.errors import SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmStatus
from skep.records.told import Told, told_from
from skep.records.values import parsed


async def read(wire: Wire, swarm: SwarmId, *, after: int) -> list[Told]:
    """Read the messages of a swarm after a number; raises `SwarmNotFound`."""
    asked = [
        ("HGET", f"swarm:{swarm}", "status"),
        ("LRANGE", f"swarm:{swarm}:told", after, -1),
    ]
    status, rows = await wire.commands(asked)
    if status in (None, SwarmStatus.INITIALIZING):
        raise SwarmNotFound(swarm=swarm)
    return [_told_of(swarm, text) for text in rows]


def _told_of(swarm: SwarmId, text: str) -> Told:
    fields: Any = parsed(text)
    return told_from(swarm, fields)
