"""`skep plan`: what `skep run` would do, without doing it."""

import asyncio
import json as json_module
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from skep.cli.documents import write_json
from skep.cli.export import checked_out, put_report
from skep.cli.failures import FAILED
from skep.cli.options import AsJson, PlannerName
from skep.cli.request import Wish, read_wish, read_workspace
from skep.cli.screen import Screen, clean, open_screen, show
from skep.cli.spending import confirmed
from skep.compose import drafted_plan
from skep.hive.planner import is_to_draft
from skep.records.codec import spec_json
from skep.records.ids import TaskKey
from skep.records.task import TaskSpec
from skep.records.values import Json
from skep.settings import Settings, read_settings

NAMES_SHOWN = 3


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asked:
    """What may be asked of a plan."""

    model: Annotated[
        str | None, Parameter(metavar="NAME", help="The model, as provider:name, or `offline`.")
    ] = None
    planner: PlannerName = None
    workspace: Annotated[
        str, Parameter(metavar="DIR", help="The folder that it is for. Default: this one.")
    ] = "."
    out: Annotated[
        str | None, Parameter(metavar="FILE", help="Write the plan here, for `skep run --plan`.")
    ] = None
    yes: Annotated[bool, Parameter(help="Do not ask before a model costs money.")] = False
    json: AsJson = False


NOTHING_ASKED: Final = Asked()


def plan(
    objective: Annotated[str | None, Parameter(help="What to do; `-` reads stdin.")] = None,
    /,
    *,
    asked: Asked = NOTHING_ASKED,
) -> int:
    """Show the plan for an objective: its tasks, and which wait for which."""
    settings, screen = read_settings(), open_screen()
    if asked.out:
        checked_out(asked.out)
    wish = read_wish(objective, settings, plan=asked.planner, model=asked.model)
    if is_to_draft(wish.plan):
        if not confirmed("Draft a plan", wish.model, screen, is_agreed=asked.yes):
            screen.err.print("Nothing was drafted.")
            return FAILED
        wish = asyncio.run(_drafted(wish, settings, workspace=read_workspace(asked.workspace)))
    document = plan_json(wish)
    if asked.out:
        put_report(json_module.dumps(document, indent=2) + "\n", Path(asked.out), within=None)
    if asked.json:
        write_json(document)
    else:
        show_plan(wish, screen, kept_in=asked.out)
    return 0


async def _drafted(wish: Wish, settings: Settings, *, workspace: str) -> Wish:
    """Let the model draft the plan, which is kept nowhere."""
    plan = await drafted_plan(wish.objective, settings, model=wish.model, workspace=workspace)
    return replace(wish, plan=plan, is_drafted=True)


def plan_json(wish: Wish) -> Json:
    """Write a plan as a plan file."""
    tasks = [dict(spec_json(task)) for task in wish.plan.tasks]
    return {"objective": wish.objective, "tasks": [*tasks]}


def show_plan(wish: Wish, screen: Screen, *, kept_in: str | None) -> None:
    """Print a plan, stage by stage, and how to work on it."""
    out, tasks = screen.out, wish.plan.tasks
    if wish.notice:
        out.print(wish.notice, style="dim")
        out.print()
    out.print(Text(clean(wish.objective), "bold"))
    for number, stage in enumerate(stages(tasks), 1):
        side_by_side = f"{len(stage)} tasks side by side" if len(stage) > 1 else "1 task"
        out.print()
        out.print(Text(f"Stage {number}: {side_by_side}", "cyan"))
        show(out, _table(stage, is_first=number == 1))
    out.print()
    out.print(Text(_next(wish, kept_in), "dim"), soft_wrap=True)


def _next(wish: Wish, kept_in: str | None) -> str:
    if kept_in is not None:
        return f"To work on it: skep run --plan {clean(kept_in)} --model {clean(wish.model)}"
    if wish.is_drafted:
        return "It is kept nowhere, and the next draft may be another: --out FILE keeps one."
    return f'To work on it: skep run "{clean(wish.objective)}"'


def stages(tasks: Sequence[TaskSpec]) -> list[list[TaskSpec]]:
    """Sort tasks into stages: each task stands in the first stage in which it could begin."""
    stage_of: dict[TaskKey, int] = {}
    left = list(tasks)
    while left:
        ready = [task for task in left if all(key in stage_of for key in task.after)]
        for task in ready:
            stage_of[task.key] = 1 + max((stage_of[key] for key in task.after), default=-1)
        left = [task for task in left if task.key not in stage_of]
    return [
        [task for task in tasks if stage_of[task.key] == number]
        for number in sorted(set(stage_of.values()))
    ]


def _table(tasks: Sequence[TaskSpec], *, is_first: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for task in tasks:
        names = list(task.after)
        waits = ", ".join(names) if len(names) <= NAMES_SHOWN else f"{len(names)} tasks"
        title = clean(task.title) if is_first else f"{clean(task.title)} (after {waits})"
        table.add_row(" ", clean(task.key), Text(clean(task.agent), "dim"), title)
    return table
