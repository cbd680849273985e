"""`skep plan`: what `skep run` would do, without doing it."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from skep.cli.documents import write_json
from skep.cli.options import AsJson
from skep.cli.request import Wish, read_wish
from skep.cli.screen import Screen, clean, open_screen, show
from skep.records.codec import spec_json
from skep.records.ids import TaskKey
from skep.records.task import TaskSpec
from skep.settings import read_settings

NAMES_SHOWN = 3


def plan(
    objective: Annotated[str | None, Parameter(help="What to do; `-` reads stdin.")] = None,
    /,
    *,
    model: Annotated[
        str | None, Parameter(metavar="NAME", help="The model, as provider:name, or `offline`.")
    ] = None,
    json: AsJson = False,
) -> int:
    """Show the plan for an objective: its tasks, and which wait for which."""
    wish = read_wish(objective, read_settings(), model=model)
    if json:
        tasks = [dict(spec_json(task)) for task in wish.plan.tasks]
        write_json({"objective": wish.objective, "tasks": [*tasks]})
    else:
        show_plan(wish, open_screen())
    return 0


def show_plan(wish: Wish, screen: Screen) -> None:
    """Print a plan, stage by stage."""
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
    out.print(Text(f'To work on it: skep run "{clean(wish.objective)}"', "dim"), soft_wrap=True)


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
