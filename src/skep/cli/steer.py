"""`skep swarm pause`, `cancel`, `cap`: steering a swarm, whoever works on it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from skep.cli.documents import swarm_json, write_json
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import open_screen
from skep.compose import open_fleet
from skep.hive.handle import SwarmHandle
from skep.records.swarm import Swarm
from skep.records.task import TaskStatus
from skep.settings import read_settings


def pause(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """Grant no more tasks of a swarm; what runs is handed back within a heartbeat."""
    return asyncio.run(steered(swarm, common, _paused))


def cancel(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """End a swarm and every task of it that has not ended."""
    return asyncio.run(steered(swarm, common, _cancelled))


def cap(
    swarm: SwarmName,
    max_agents: Annotated[int, Parameter(help="How many tasks may run at once, 1 to 1000.")],
    /,
    *,
    common: Common = COMMON,
) -> int:
    """Change how many tasks of a swarm may run at once, while it lives."""
    return asyncio.run(steered(swarm, common, partial(_capped, max_agents=max_agents)))


def tell(swarm: Swarm, words: str, *, as_json: bool) -> None:
    """Say what a swarm was steered to; as JSON, how it stands now."""
    if as_json:
        write_json(swarm_json(swarm))
    else:
        open_screen().out.print(words, soft_wrap=True)


Steer = Callable[[SwarmHandle], Awaitable[str]]


async def steered(name: str, common: Common, steer: Steer) -> int:
    """Steer a swarm by its name, and say how it stands then."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, name)
        words = await steer(handle)
        tell(await handle.state(), words, as_json=common.json)
    return 0


async def _paused(handle: SwarmHandle) -> str:
    await handle.pause("paused by the user")
    return f"Paused. Go on with: skep swarm resume {short(handle.id)}"


async def _cancelled(handle: SwarmHandle) -> str:
    await handle.cancel("cancelled by the user")
    return f"Cancelled. See: skep swarm show {short(handle.id)}"


async def _capped(handle: SwarmHandle, *, max_agents: int) -> str:
    await handle.cap(max_agents, "capped by the user")
    state = await handle.state()
    running = state.counts[TaskStatus.RUNNING]
    more = (
        f" {running} run still, and none is granted until fewer do." if running > max_agents else ""
    )
    return f"Up to {max_agents} at once.{more} See: skep swarm show {short(handle.id)}"
