"""`skep swarm list`, `show`, `tasks`: what swarms there are, and how they stand."""

import asyncio
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skep.cli.asked import answer_with, awaited_by
from skep.cli.documents import swarm_json, task_json, write_json
from skep.cli.ending import STYLES, decide_budget, near, waits_for
from skep.cli.export import swarm_folder
from skep.cli.foreground import is_looked_after, model_shown, waits_for_worker
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import Screen, clean, glyph, open_screen, plain_table, show, shown_seconds
from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.hive.spending import spent_in_words
from skep.policy.endings import is_stalled
from skep.records.ids import SwarmId
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Json
from skep.settings import Settings, read_settings


async def list_swarms(
    *,
    status: Annotated[SwarmStatus | None, Parameter(help="Only swarms in this status.")] = None,
    limit: Annotated[int, Parameter(help="How many to list.")] = 20,
    common: Common = COMMON,
) -> int:
    """List swarms, the newest first."""
    settings = read_settings(store=common.store)
    async with open_fleet(settings) as fleet:
        swarms = await fleet.swarms(status=status, limit=limit)
        left = {swarm.id for swarm in swarms if await _is_left(swarm, fleet, settings)}
    if common.json:
        write_json({"swarms": [swarm_json(swarm) for swarm in swarms]})
    elif swarms:
        show(open_screen().out, _list(swarms, left))
    else:
        open_screen().out.print('No swarms here. Begin one: skep run "Audit this repository"')
    return 0


async def show_swarm(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """Show how a swarm stands, its tasks, and what to do next."""
    settings, screen = read_settings(store=common.store), open_screen()
    async with open_fleet(settings) as fleet:
        handle = await find_swarm(fleet, swarm)
        state, tasks, told = await handle.state(), await handle.tasks(), await handle.told()
    is_at_work = await asyncio.to_thread(is_looked_after, state, tasks, settings)
    if common.json:
        listed = [dict(task_json(task)) for task in tasks]
        words: Json = [each.as_json() for each in told]
        write_json(
            {**swarm_json(state), "worked_on": is_at_work, "tasks": [*listed], "told": words}
        )
        return 0
    _print_heading(state, tasks, screen, is_at_work=is_at_work)
    show(screen.out, task_table(tasks, is_ascii=screen.is_ascii))
    screen.out.print()
    _print_told(told, screen.out)
    report = swarm_folder(settings, state.id) / "report.md"
    if report.exists():
        screen.out.print(Text.assemble(("Report  ", "dim"), near(report)), soft_wrap=True)
    screen.out.print(
        Text.assemble(("Next    ", "dim"), next_for(state, tasks, is_at_work=is_at_work))
    )
    if state.counts.get(TaskStatus.FAILED):
        listed = f"skep deadletters list --swarm {short(state.id)}"
        screen.out.print(Text.assemble(("Failed  ", "dim"), listed))
    return 0


async def list_tasks(swarm: SwarmName, /, *, common: Common = COMMON) -> int:
    """List the tasks of a swarm in the order of its plan."""
    screen = open_screen()
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        listed = await handle.tasks()
    if common.json:
        written = [dict(task_json(task)) for task in listed]
        write_json({"swarm": handle.id, "tasks": [*written]})
    else:
        show(screen.out, task_table(listed, is_ascii=screen.is_ascii))
    return 0


def next_for(swarm: Swarm, tasks: Sequence[Task], *, is_at_work: bool) -> str:
    """Say what a user can do with a swarm now."""
    name = short(swarm.id)
    if answer := decide_budget(swarm) or answer_with(awaited_by(tasks)):
        return answer
    if is_at_work:
        return f"skep swarm watch {name}"
    if swarm.status is SwarmStatus.COMPLETED:
        return f"skep swarm artifacts {name}"
    if swarm.status is SwarmStatus.CANCELLED:
        return "none: a cancelled swarm stays as it is"
    if swarm.status is SwarmStatus.FAILED or is_stalled(swarm.counts):
        return f"skep swarm retry {name}"
    return f"skep resume {name}"


def task_table(tasks: Sequence[Task], *, is_ascii: bool) -> Table:
    """Lay tasks out, with the reason of those that did not succeed."""
    table = plain_table("", "task", "agent", "status", ">tries", ">took")
    table.add_column("what", overflow="fold")
    for task in tasks:
        sign, style = glyph(task.status, is_ascii=is_ascii)
        took = (
            shown_seconds(task.ended_at - task.started_at)
            if task.started_at is not None and task.ended_at is not None
            else ""
        )
        table.add_row(
            Text(sign, style),
            clean(task.ref.key),
            Text(clean(task.spec.agent), "dim"),
            Text(task.status, style),
            str(task.attempt),
            took,
            _what(task),
        )
    return table


def _what(task: Task) -> Text:
    """Say why a task stands as it does, in full; its title may be cut."""
    if task.reason:
        return Text(clean(task.reason))
    return Text(clean(task.spec.title), "dim", no_wrap=True, overflow="ellipsis")


def local_time(at: float) -> str:
    """Write a moment in the time zone of this machine."""
    return datetime.fromtimestamp(at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


async def _is_left(swarm: Swarm, fleet: Fleet, settings: Settings) -> bool:
    """Say whether a swarm stands still though nobody stopped it."""
    if swarm.status is not SwarmStatus.ACTIVE:
        return False
    tasks = await fleet.store.registry.tasks(swarm.id)
    return not await asyncio.to_thread(is_looked_after, swarm, tasks, settings)


def _list(swarms: Sequence[Swarm], left: Container[SwarmId]) -> Table:
    table = plain_table("swarm", "status", ">tasks", "model", "begun")
    table.add_column("objective", no_wrap=True, overflow="ellipsis", ratio=1)
    for swarm in swarms:
        done = swarm.counts.get(TaskStatus.SUCCEEDED, 0)
        table.add_row(
            short(swarm.id),
            _status(swarm, is_left=swarm.id in left),
            f"{done}/{swarm.tasks_total}",
            Text(clean(model_shown(swarm.request.model)), "dim"),
            Text(local_time(swarm.created_at), "dim"),
            clean(swarm.request.objective),
        )
    return table


def _status(swarm: Swarm, *, is_left: bool) -> Text:
    style = "yellow" if is_left else STYLES.get(swarm.status, "bold red")
    if swarm.status is SwarmStatus.ACTIVE and not is_left:
        style = "cyan"
    return Text(f"{swarm.status} (left)" if is_left else swarm.status, style)


def _print_told(told: Sequence[Told], out: Console) -> None:
    """Show what people told the swarm, one line each."""
    for each in told:
        whom = f"{each.by or 'somebody'} to {each.task or 'all'}"
        words = " ".join(clean(each.text).split())
        told_at = f"{local_time(each.at)}  {clean(whom)}: "
        out.print(Text.assemble(("Told    ", "dim"), (told_at, "dim"), words), soft_wrap=True)


def _print_heading(
    swarm: Swarm, tasks: Sequence[Task], screen: Screen, *, is_at_work: bool
) -> None:
    out, separator = screen.out, " | " if screen.is_ascii else " · "
    counts = [f"{count} {status}" for status, count in swarm.counts.items() if count]
    at_once = f"up to {swarm.request.max_agents} at once"
    facts = (model_shown(swarm.request.model), swarm.request.workspace or "no workspace", at_once)
    out.print(Text(clean(swarm.request.objective), "bold"))
    out.print(Text(f"{swarm.id}{separator}{clean(separator.join(facts))}", "dim"), soft_wrap=True)
    is_left = swarm.status is SwarmStatus.ACTIVE and not is_at_work
    out.print(_status(swarm, is_left=is_left).append(f": {', '.join(counts)}", "default"))
    reason = swarm.reason or waits_for(tasks, swarm)
    if reason and swarm.status is not SwarmStatus.COMPLETED:
        out.print(clean(reason), soft_wrap=True)
    if spent := spent_in_words(swarm.purse):
        out.print(Text.assemble(("Cost    ", "dim"), spent), soft_wrap=True)
    if is_left:
        out.print("It was left: no process of this host works on it.", style="yellow")
    if waiting := waits_for_worker(swarm, tasks):
        out.print(waiting, style="yellow")
    out.print()
