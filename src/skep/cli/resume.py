"""`skep resume`, `skep swarm retry`, `skep swarm cancel`: going on, trying again, giving up."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from skep.cli.documents import swarm_json, write_json
from skep.cli.ending import Ending, conclude, told
from skep.cli.export import checked_out
from skep.cli.foreground import Foreground, check_servable, work_on
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, WORKING, Common, SwarmName, Working, agents_at_once
from skep.cli.progress import stage
from skep.cli.screen import open_screen
from skep.compose import open_fleet
from skep.hive.fleet import Fleet, SwarmHandle
from skep.records.ids import TaskKey
from skep.records.swarm import ENDED, SwarmStatus
from skep.records.task import TERMINAL
from skep.settings import read_settings


def resume(swarm: SwarmName, /, *, asked: Working = WORKING) -> int:
    """Go on with a swarm where it was; one that has ended only gets its report again."""
    return _foreground(swarm, asked, _resumed)


def retry(
    swarm: SwarmName,
    /,
    *,
    task: Annotated[
        list[str] | None, Parameter(help="A task to do again; default: all that did not succeed.")
    ] = None,
    asked: Working = WORKING,
) -> int:
    """Open the next run of tasks and of all that follows them, and work on it."""
    return _foreground(swarm, asked, partial(_retried, keys=task or []))


def cancel(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """End a swarm and every task of it that has not ended."""
    return asyncio.run(_cancelled(swarm, common))


Act = Callable[[SwarmHandle, Foreground], Awaitable[None]]


def _foreground(name: str, asked: Working, act: Act) -> int:
    if asked.out:
        checked_out(asked.out)
    return asyncio.run(_worked(name, asked, act))


async def _worked(name: str, asked: Working, act: Act) -> int:
    settings, screen = read_settings(store=asked.store), open_screen()
    async with open_fleet(settings) as fleet:
        handle = await find_swarm(fleet, name)
        at_once = (await handle.state()).request.max_agents
        foreground = Foreground(
            fleet=fleet,
            settings=settings,
            screen=screen,
            stage=stage(screen, as_json=asked.json),
            slots=agents_at_once(asked.max_agents, at_once),
        )
        await act(handle, foreground)
        ending: Ending = await conclude(handle, fleet, settings, out=asked.out)
    return told(ending, screen, as_json=asked.json)


async def _resumed(handle: SwarmHandle, foreground: Foreground) -> None:
    if (await handle.state()).status in ENDED:
        return
    left = [task.spec for task in await handle.tasks() if task.status not in TERMINAL]
    check_servable(left, foreground.settings)
    await work_on(handle, foreground, begin=handle.resume)


async def _retried(handle: SwarmHandle, foreground: Foreground, *, keys: list[str]) -> None:
    check_servable([task.spec for task in await handle.tasks()], foreground.settings)
    meant = [TaskKey(key) for key in keys]
    await work_on(handle, foreground, begin=partial(_reopened, handle, meant))


async def _reopened(handle: SwarmHandle, keys: list[TaskKey]) -> None:
    await handle.retry(keys, "retried by the user")
    if (await handle.state()).status is not SwarmStatus.ACTIVE:
        await handle.resume()


async def _cancelled(name: str, common: Common) -> int:
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, name)
        await handle.cancel("cancelled by the user")
        await _tell_of_cancel(handle, fleet, common)
    return 0


async def _tell_of_cancel(handle: SwarmHandle, fleet: Fleet, common: Common) -> None:
    swarm = await fleet.store.registry.swarm(handle.id)
    if common.json:
        write_json(swarm_json(swarm))
    else:
        open_screen().out.print(f"Cancelled. See: skep swarm show {short(swarm.id)}")
