"""The foreground: this process works on one swarm until it rests or the user interrupts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from rich.console import Console

from skep.cli.board import Board
from skep.cli.failures import leave_at_once
from skep.cli.liveview import Heading
from skep.cli.progress import follow, shown
from skep.cli.screen import Screen
from skep.compose import WorkerOptions, run_identity, run_queue, system_clock, working
from skep.hive.fleet import Fleet, SwarmHandle
from skep.hive.planner import OFFLINE
from skep.records.errors import Conflict, IllegalMove
from skep.records.swarm import Swarm
from skep.records.task import TERMINAL, AgentKind, Task
from skep.runtime import interruptible
from skep.settings import Settings

INTERRUPTION: Final = "interrupted by the user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreground:
    """What a process needs to work on a swarm before the user's eyes."""

    fleet: Fleet
    settings: Settings
    screen: Screen
    stage: Console | None
    slots: int


async def work_on(
    handle: SwarmHandle,
    foreground: Foreground,
    *,
    begin: Callable[[], Awaitable[object]] | None = None,
) -> bool:
    """Work on a swarm until it rests; returns True when the user interrupted it.

    `begin` is called once nobody else can be at work on it. Raises `IdentityInUse` when another
    process is, or `Conflict` when it has tasks that only another program can work on.
    """
    tasks = await handle.tasks()
    check_kinds(tasks)
    options = WorkerOptions(
        slots=foreground.slots,
        queues=frozenset({run_queue(handle.id), *(task.spec.queue for task in tasks)}),
        identity=run_identity(handle.id),
    )
    heading = heading_of(await handle.state(), foreground.settings, foreground.fleet)
    interrupted = asyncio.Event()
    with interruptible(interrupted, again=partial(leave_at_once, foreground.screen)):
        async with working(foreground.fleet, foreground.settings, options):
            if begin is not None:
                await begin()
            await _until_rest(handle, foreground.stage, heading, interrupted)
            return interrupted.is_set() and await _marked(handle)


def heading_of(swarm: Swarm, settings: Settings, fleet: Fleet) -> Heading:
    """Say what a swarm is about, for the top of its progress."""
    return Heading(
        swarm=swarm.id,
        objective=swarm.request.objective,
        model=model_shown(swarm.request.model),
        store=f"{store_shown(settings)} ({fleet.store.durability})",
        after=swarm.last_seq,
    )


def model_shown(model: str | None) -> str:
    """Name a model; the offline one never passes for a language model."""
    if model is None:
        return "no model"
    return "offline model" if model == OFFLINE else model


def store_shown(settings: Settings) -> str:
    """Name the store, briefly when it is the folder's own."""
    own = f"sqlite:///{settings.state_folder / 'skep.db'}"
    return ".skep/skep.db" if settings.store == own else settings.store


def check_kinds(tasks: Sequence[Task]) -> None:
    """Refuse a swarm with tasks left that only the program which defined them can work on."""
    for task in tasks:
        if task.spec.kind is not AgentKind.LLM and task.status not in TERMINAL:
            raise Conflict(
                f"Task {task.ref.key!r} is for the {task.spec.kind} agent {task.spec.agent!r},"
                " which the command line does not have.",
                hint="Go on with it in the program that defines this agent.",
            )


async def _until_rest(
    handle: SwarmHandle, stage: Console | None, heading: Heading, interrupted: asyncio.Event
) -> None:
    """Show the swarm's progress until it rests or is interrupted."""
    board = Board()
    with shown(stage, heading, board, system_clock()) as progress:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(handle, board, progress))
            stopping = group.create_task(interrupted.wait())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
            stopping.cancel()


async def _marked(handle: SwarmHandle) -> bool:
    """Mark the swarm as interrupted; False when it had come to its end all the same."""
    with suppress(IllegalMove):
        await handle.interrupt(INTERRUPTION)
        return True
    return False
