"""`skep resume`, `skep swarm retry`: going on, and trying again.

A foreground run is worked on here; a swarm that workers serve is steered, and they go on with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from skep.cli.ending import Ending, conclude, told
from skep.cli.export import checked_out
from skep.cli.foreground import Foreground, check_servable, is_own, work_on
from skep.cli.ids import find_swarm, short
from skep.cli.options import WORKING, SwarmName, Working, agents_at_once
from skep.cli.progress import stage
from skep.cli.screen import open_screen
from skep.cli.steer import tell
from skep.compose import is_worked_on, open_fleet
from skep.hive.handle import SwarmHandle
from skep.records.ids import TaskKey
from skep.records.swarm import ENDED, SwarmStatus
from skep.records.task import TERMINAL, Task
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


Act = Callable[[SwarmHandle, Foreground], Awaitable[str]]
"""Goes on with a swarm; gives what to say when others do the work, else nothing."""


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
        if words := await act(handle, foreground):
            tell(await handle.state(), words, as_json=asked.json)
            return 0
        ending: Ending = await conclude(handle, fleet, settings, out=asked.out)
    return told(ending, screen, as_json=asked.json)


async def _resumed(handle: SwarmHandle, foreground: Foreground) -> str:
    swarm, tasks = await handle.state(), await handle.tasks()
    if swarm.status in ENDED:
        return ""
    left = [task for task in tasks if task.status not in TERMINAL]
    if not is_own(handle.id, left):
        await handle.resume()
        return _left_to_workers(handle, left)
    if swarm.status is SwarmStatus.PAUSED and is_worked_on(handle.id, foreground.settings):
        await handle.resume()
        return f"Active again; the process that runs it goes on. {_watch(handle)}"
    check_servable([task.spec for task in left], foreground.settings)
    await work_on(handle, foreground, begin=handle.resume)
    return ""


async def _retried(handle: SwarmHandle, foreground: Foreground, *, keys: list[str]) -> str:
    tasks = await handle.tasks()
    again = partial(_reopened, handle, [TaskKey(key) for key in keys])
    if not is_own(handle.id, tasks):
        await again()
        return _left_to_workers(handle, tasks)
    check_servable([task.spec for task in tasks], foreground.settings)
    await work_on(handle, foreground, begin=again)
    return ""


async def _reopened(handle: SwarmHandle, keys: list[TaskKey]) -> None:
    await handle.retry(keys, "retried by the user")
    if (await handle.state()).status is not SwarmStatus.ACTIVE:
        await handle.resume()


def _left_to_workers(handle: SwarmHandle, tasks: Iterable[Task]) -> str:
    queues = ", ".join(sorted({task.spec.queue for task in tasks}))
    return f"Active again; the workers of {queues} go on with it. {_watch(handle)}"


def _watch(handle: SwarmHandle) -> str:
    return f"Watch it: skep swarm watch {short(handle.id)}"
