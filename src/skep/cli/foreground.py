"""The foreground: this process works on one swarm until it rests or the user interrupts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from skep.agent.catalog import read_catalog
from skep.cli.board import Board
from skep.cli.failures import leave_at_once
from skep.cli.liveview import Heading
from skep.cli.murmur import Murmur
from skep.cli.progress import Progress, keep_up, shown
from skep.cli.screen import Screen, is_live
from skep.compose import (
    WorkerOptions,
    is_worked_on,
    make_state_folder,
    run_identity,
    run_queue,
    system_clock,
    working,
)
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.records.errors import IllegalMove, PlanRefused
from skep.records.ids import SwarmId
from skep.records.role import OFFLINE
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import AgentKind, Task, TaskSpec, TaskStatus
from skep.runtime import interruptible
from skep.settings import Settings, address_of

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
) -> None:
    """Work on a swarm until it rests; interrupted by the user, it is marked as such.

    `begin` is called once nobody else can be at work on it. Raises `IdentityInUse` when another
    process is.
    """
    make_state_folder(foreground.settings.state_folder)
    tasks, board = await handle.tasks(), Board()
    board.know(tasks)
    options = WorkerOptions(
        slots=foreground.slots,
        queues=frozenset({run_queue(handle.id), *(task.spec.queue for task in tasks)}),
        identity=run_identity(handle.id),
        foreground=handle.id,
        listener=Murmur(board) if foreground.stage and is_live(foreground.stage) else None,
    )
    heading = heading_of(await handle.state(), foreground.settings, foreground.fleet)
    interrupted = asyncio.Event()
    with interruptible(interrupted, again=leave_at_once):
        async with working(foreground.fleet, foreground.settings, options):
            if begin is not None:
                await begin()
            view = shown(foreground.stage, heading, board, clock=system_clock())
            await _until_rest(handle, board, view, interrupted=interrupted)
            if interrupted.is_set():
                await _stop(handle, foreground)


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
    return ".skep/skep.db" if settings.store == own else address_of(settings.store)


def is_own(swarm: SwarmId, tasks: Iterable[Task]) -> bool:
    """Say whether a swarm is a foreground run, whose queue no worker serves."""
    return any(task.spec.queue == run_queue(swarm) for task in tasks)


def is_looked_after(swarm: Swarm, tasks: Iterable[Task], settings: Settings) -> bool:
    """Say whether a swarm goes on by itself: run on this host, or queued for workers."""
    if is_own(swarm.id, tasks):
        return is_worked_on(swarm.id, settings)
    return swarm.status is SwarmStatus.ACTIVE


def waits_for_worker(swarm: Swarm, tasks: Sequence[Task]) -> str:
    """Say what to start when tasks stand in a queue and none is worked on; else empty."""
    ready = {task.spec.queue for task in tasks if task.status is TaskStatus.READY}
    is_waiting = swarm.status is SwarmStatus.ACTIVE and not swarm.counts.get(TaskStatus.RUNNING)
    if not ready or not is_waiting or is_own(swarm.id, tasks):
        return ""
    return f"It waits for a worker: skep work --queues {','.join(sorted(ready))}"


def check_servable(specs: Iterable[TaskSpec], settings: Settings) -> None:
    """Refuse tasks that a foreground run could never take. Raises `PlanRefused`."""
    offered = read_catalog(settings.state_folder.parent).capabilities
    for spec in specs:
        if spec.kind is not AgentKind.LLM:
            raise PlanRefused(
                f"Task {spec.key!r} is for the {spec.kind} agent {spec.agent!r},"
                " which only the program that defines it can run.",
                hint="Say --detach, and start: skep work --import MODULE.",
            )
        if missing := sorted(spec.capabilities - offered):
            raise PlanRefused(
                f"Task {spec.key!r} needs the capability {missing[0]!r}, which no agent has.",
                hint=f"There are: {', '.join(sorted(offered))}.",
            )


async def _until_rest(
    handle: SwarmHandle,
    board: Board,
    view: AbstractContextManager[Progress],
    *,
    interrupted: asyncio.Event,
) -> None:
    """Show the swarm's progress until it rests or is interrupted."""
    with view as progress:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(keep_up(handle, board, progress))
            stopping = group.create_task(interrupted.wait())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
            stopping.cancel()


async def _stop(handle: SwarmHandle, foreground: Foreground) -> None:
    """Mark the swarm as interrupted, unless it came to its end all the same."""
    if foreground.stage is not None:
        with suppress(BrokenPipeError):
            foreground.stage.print("Stopping; Ctrl-C again leaves at once.", style="yellow")
    with suppress(IllegalMove):
        await handle.interrupt(INTERRUPTION)
