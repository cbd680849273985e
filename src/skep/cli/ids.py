"""Naming a swarm: by its id, the beginning or end of it, or as the newest."""

from typing import Final

from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.records.errors import InvalidInput, SwarmNotFound
from skep.records.ids import SwarmId

NEWEST: Final = "last"
PART_CHARS_MIN: Final = 4
ID_CHARS: Final = 36
SHORT_CHARS: Final = 8
PAGE: Final = 200


async def find_swarm(fleet: Fleet, name: str) -> SwarmHandle:
    """Find the swarm that a user means. Raises `SwarmNotFound`, or `InvalidInput` for too many."""
    if len(name) == ID_CHARS:
        await fleet.store.registry.swarm(SwarmId(name))
        return fleet.swarm(name)
    if name == NEWEST:
        newest = await fleet.swarms(limit=1)
        if not newest:
            raise SwarmNotFound(swarm=name)
        return fleet.swarm(newest[0].id)
    return fleet.swarm(await _by_part(fleet, name))


def short(swarm: SwarmId) -> str:
    """Give the end of an id, which differs where beginnings made in the same minute do not."""
    return swarm[-SHORT_CHARS:]


async def _by_part(fleet: Fleet, name: str) -> SwarmId:
    if len(name) < PART_CHARS_MIN:
        raise InvalidInput(
            f"{name!r} is too short to name a swarm.",
            hint=f"Give at least {PART_CHARS_MIN} characters of its id, or `{NEWEST}`.",
        )
    found = [swarm for swarm in await _all_ids(fleet) if _is_meant(swarm, name)]
    if not found:
        raise SwarmNotFound(swarm=name)
    if len(found) > 1:
        raise InvalidInput(
            f"{name!r} names {len(found)} swarms.", hint=f"Say one of: {', '.join(found[:5])}."
        )
    return found[0]


def _is_meant(swarm: SwarmId, name: str) -> bool:
    return swarm.startswith(name) or swarm.endswith(name)


async def _all_ids(fleet: Fleet) -> list[SwarmId]:
    ids: list[SwarmId] = []
    while True:
        page = await fleet.swarms(before=ids[-1] if ids else None, limit=PAGE)
        ids.extend(swarm.id for swarm in page)
        if len(page) < PAGE:
            return ids
