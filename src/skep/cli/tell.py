"""`skep tell`: have the agents of a live swarm hear a message at their next turn."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from skep.cli.documents import write_json
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName, login_name
from skep.cli.screen import open_screen
from skep.compose import open_fleet
from skep.hive.handle import SwarmHandle
from skep.records.role import OFFLINE
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import TERMINAL, AgentKind, Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Json
from skep.settings import read_settings


def tell(
    swarm: SwarmName,
    text: Annotated[str, Parameter(help="What its agents are to hear, in quotes.")],
    /,
    *,
    task: Annotated[
        str | None, Parameter(metavar="KEY", help="Only this task hears it. Default: all do.")
    ] = None,
    by: Annotated[
        str | None, Parameter(metavar="NAME", help="Who says it. Default: your login name.")
    ] = None,
    common: Common = COMMON,
) -> int:
    """Have the agents of a live swarm hear a message at their next turn."""
    return asyncio.run(_told(swarm, text, task=task, by=by or login_name(), common=common))


async def _told(name: str, text: str, *, task: str | None, by: str, common: Common) -> int:
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, name)
        await handle.tell(text, task=task, by=by)
        told = await _kept(handle, text)
        state, tasks = await handle.state(), await handle.tasks()
    meant = [each for each in tasks if told.is_for(each.ref.key)]
    if common.json:
        running: list[Json] = [each.ref.key for each in _running(meant)]
        write_json(
            {
                "swarm": state.id,
                "status": state.status,
                "told": told.as_json(),
                "running": running,
            }
        )
    else:
        _print(state, meant, open_screen().out)
    return 0


async def _kept(handle: SwarmHandle, text: str) -> Told:
    """Find the message among those that the swarm has; others may have told it more since."""
    return next(each for each in reversed(await handle.told()) if each.text == text)


def _print(swarm: Swarm, meant: Sequence[Task], out: Console) -> None:
    out.print(f"Told. {who_hears(swarm, meant)}", soft_wrap=True)
    if swarm.status is not SwarmStatus.ACTIVE:
        words = f"It is {swarm.status}. Go on: skep swarm resume {short(swarm.id)}"
        out.print(words, soft_wrap=True)


def who_hears(swarm: Swarm, meant: Sequence[Task]) -> str:
    """Say which of the tasks that a message is meant for will hear it, and when."""
    left = [each for each in meant if each.status not in TERMINAL]
    kinds = {each.spec.kind for each in left}
    words = [_when(left)]
    if AgentKind.FUNCTION in kinds:
        words.append("A function agent hears it when it asks what it was told.")
    if AgentKind.LLM in kinds and swarm.request.model == OFFLINE:
        words.append("The offline model makes nothing of it; the report names it.")
    return " ".join(words)


def _when(left: Sequence[Task]) -> str:
    running = len(_running(left))
    if running:
        tasks = "1 running task" if running == 1 else f"{running} running tasks"
        return f"Seen at the next turn of {tasks}; one in its last turn has no next."
    if left:
        return "No task is running now; the next to start will see it."
    return "No task is left to see it, but one that is added or done again would."


def _running(tasks: Sequence[Task]) -> list[Task]:
    return [each for each in tasks if each.status is TaskStatus.RUNNING]
