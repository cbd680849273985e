"""`skep swarm events`, `journal`, `watch`: what happened in a swarm, and what happens now."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

from cyclopts import Parameter
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from skep.agent.answers import Answer, answers_in
from skep.cli.board import Board
from skep.cli.documents import event_json, step_json, write_json
from skep.cli.ending import exit_code
from skep.cli.foreground import heading_of, is_looked_after, is_own, waits_for_worker
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, EVERYWHERE, Common, StoreUrl, SwarmName
from skep.cli.progress import keep_up, shown
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet, system_clock
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.records.errors import TaskNotFound
from skep.records.event import Event
from skep.records.ids import TaskRef
from skep.records.step import Step
from skep.records.swarm import ENDED, Swarm
from skep.records.task import Task
from skep.records.values import canonical
from skep.settings import Settings, read_settings

Place: TypeAlias = tuple[TaskRef, int, str]
"""What names a step in its swarm."""


async def events(
    swarm: SwarmName,
    /,
    *,
    follow: Annotated[bool, Parameter(help="Wait for new events until the swarm rests.")] = False,
    store: StoreUrl = None,
    json: Annotated[
        bool, Parameter(name="--json", group=EVERYWHERE, help="Write JSON lines.")
    ] = False,
) -> int:
    """Print the events of a swarm in order."""
    out = open_screen().out
    async with open_fleet(read_settings(store=store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        async for event in handle.events(follow=follow):
            if json:
                write_json(event_json(event), indent=None)
            else:
                _print(event, out)
            if follow:
                out.file.flush()
    return 0


async def journal(
    swarm: SwarmName,
    task: Annotated[str | None, Parameter(help="Only the steps of this task.")] = None,
    /,
    *,
    common: Common = COMMON,
) -> int:
    """List the journaled calls of a swarm's tasks; what they returned is never asked for again."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        steps = await _steps(fleet, handle, task)
        answers = await answers_in(steps, fleet.store.blobs)
    by = {_place(answer.step): answer for answer in answers}
    if common.json:
        listed = [step_json(step, by.get(_place(step))) for step in steps]
        write_json({"swarm": handle.id, "steps": [*listed]})
    else:
        out = open_screen().out
        show(out, _step_table(steps, by))
        _print_passed(answers, out)
    return 0


async def watch(swarm: SwarmName, /, *, store: StoreUrl = None) -> int:
    """Watch a swarm at work, without touching it; ends when the swarm rests."""
    settings, screen = read_settings(store=store), open_screen()
    async with open_fleet(settings) as fleet:
        handle = await find_swarm(fleet, swarm)
        state, tasks = await handle.state(), await handle.tasks()
        if hint := await asyncio.to_thread(_standstill, state, tasks, settings):
            screen.err.print(hint, style="yellow")
        heading, board = heading_of(state, settings, fleet), Board()
        with shown(screen.out, heading, board, clock=system_clock()) as progress:
            await keep_up(handle, board, progress)
        return exit_code(await handle.state())


def _standstill(swarm: Swarm, tasks: Sequence[Task], settings: Settings) -> str:
    """Say why nothing may happen in a swarm, and what to do; empty when all is well."""
    if waiting := waits_for_worker(swarm, tasks):
        return waiting
    if swarm.status in ENDED or is_looked_after(swarm, tasks, settings):
        return ""
    if is_own(swarm.id, tasks):
        return f"Nobody works on it in a foreground here. Go on: skep resume {short(swarm.id)}"
    return f"It is {swarm.status}. Go on: skep swarm resume {short(swarm.id)}"


async def _steps(fleet: Fleet, handle: SwarmHandle, task: str | None) -> list[Step]:
    listed = await handle.tasks()
    if task is not None and task not in {each.ref.key for each in listed}:
        raise TaskNotFound(swarm=handle.id, task=task)
    steps: list[Step] = []
    for each in listed:
        if task in {None, each.ref.key}:
            steps.extend(await _steps_of(fleet, each.ref, runs=each.run))
    return steps


async def _steps_of(fleet: Fleet, ref: TaskRef, *, runs: int) -> list[Step]:
    return [
        step for run in range(1, runs + 1) for step in await fleet.store.journal.read(ref, run=run)
    ]


def _place(step: Step) -> Place:
    return step.ref, step.run, step.key


def _print_passed(answers: Sequence[Answer], out: Console) -> None:
    """Say which models could not answer, and why, for each step where there were any."""
    for answer in answers:
        where = f"{answer.step.ref.key} {answer.step.key}"
        for each in answer.passed_over:
            words = f"{where}: {each.model} was passed over ({each.code}): {each.reason}"
            out.print(Text(clean(words), "yellow"), soft_wrap=True)


def _step_table(steps: list[Step], answers: Mapping[Place, Answer]) -> Table:
    table = plain_table("task", ">run", "step", "effect", "state", ">calls", ">size", "model")
    for step in steps:
        answer = answers.get(_place(step))
        size = decimal(len(step.value.encode())) if step.value is not None else ""
        table.add_row(
            clean(step.ref.key),
            str(step.run),
            clean(step.key),
            step.effect,
            step.state,
            str(step.calls),
            size,
            Text(clean(answer.model if answer else step.payee), "dim"),
        )
    return table


def _print(event: Event, out: Console) -> None:
    told = canonical(dict(event.data)) if event.data else ""
    line = f"{event.seq:>5}  {local_time(event.at)}  {event.kind:<18} {event.task or '':<16} "
    out.print((line + clean(told)).rstrip(), soft_wrap=True)
