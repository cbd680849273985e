"""One process of a crowd on one file: works, or submits and waits; tells how it went in JSON.

    crowd_member.py work STORE
    crowd_member.py submit STORE SECONDS NAME

A worker works until its stdin ends. Any error of the store that a caller met is told, those
included that Skep itself lives with.
"""

import asyncio
import json
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

import skep
from skep.compose import WorkerOptions, open_fleet, working
from skep.drivers.sqlite import threads
from skep.hive.handle import SwarmHandle
from skep.records.errors import StoreUnavailable
from skep.records.ids import TaskKey
from skep.records.task import AgentKind, TaskSpec
from skep.settings import Settings, read_settings

REST_S: Final = 0.08
"""How long a submitter rests between two swarms, on average."""

EVERY_FULL: Final = 20
WIDTH: Final = 20
"""Each so manieth swarm has so many tasks; the others have one."""

RESULT_S: Final = 60.0


@skep.agent("stamp")
async def stamp(task: skep.TaskContext) -> dict[str, float]:
    """Tell when it began, and in which process."""
    del task
    return {"at": time.time(), "pid": os.getpid()}


async def work(settings: Settings) -> dict[str, Any]:
    """Work until stdin ends."""
    async with open_fleet(settings) as fleet, working(fleet, settings, WorkerOptions()):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    return {}


async def submit(settings: Settings, seconds: float, name: str) -> dict[str, Any]:
    """Submit swarms for so long, and see each of them through."""
    chance, waits, ends = random.Random(name), list[float](), list[asyncio.Task[None]]()
    async with open_fleet(settings) as fleet:
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            tasks = 1 if len(ends) % EVERY_FULL else WIDTH
            handle = await fleet.submit("Stamp", plan(tasks))
            ends.append(asyncio.create_task(see_through(handle, tasks, time.time(), waits)))
            await asyncio.sleep(chance.uniform(0, 2 * REST_S))
        await asyncio.wait_for(asyncio.gather(*ends), RESULT_S)
        return {"swarms": len(ends), "waits": waits}


def plan(tasks: int) -> list[TaskSpec]:
    """Some tasks that wait for nothing."""
    return [
        TaskSpec(key=TaskKey(f"t{number}"), agent="stamp", kind=AgentKind.FUNCTION)
        for number in range(tasks)
    ]


async def see_through(
    handle: SwarmHandle, tasks: int, acknowledged: float, waits: list[float]
) -> None:
    """Wait for a swarm's result, and note how long a single task waited to be begun."""
    result = await handle.result()
    if tasks == 1:
        told = cast("dict[str, float]", result)
        waits.append(max(0.0, told["at"] - acknowledged))


def watched_errors() -> list[str]:
    """Note down what SQLite's errors become, whoever gets to see them."""
    seen, translated = list[str](), threads.translated

    def noted(error: Exception) -> BaseException:
        told = translated(error)
        if isinstance(told, StoreUnavailable):
            seen.append(str(told))
        return told

    threads.translated = noted
    return seen


def main(role: str, store: str, seconds: str = "0", name: str = "") -> None:
    """Play a role, and tell how it went."""
    errors = watched_errors()
    settings = read_settings(store=store, folder=Path.cwd())
    played = work(settings) if role == "work" else submit(settings, float(seconds), name)
    with suppress(KeyboardInterrupt):
        told = asyncio.run(played)
        sys.stdout.write(json.dumps({**told, "errors": errors}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
