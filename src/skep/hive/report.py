"""The report of a swarm: what its last tasks wrote, and where every statement comes from.

It holds no time and no count of attempts, so that a swarm that was killed and resumed reports the
same as one that was not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from skep.agent.attempt import full_value
from skep.hive.spending import spent_in_words
from skep.policy.placement import is_moved
from skep.ports.store import Store
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.outcome import Artifact
from skep.records.role import OFFLINE
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Json, canonical

DIGEST_SHOWN: Final = 12
_TOOL_STEP: Final = re.compile(r"turn/\d+/tool/\d+:(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything a report is made of."""

    swarm: Swarm
    tasks: Sequence[Task]
    values: Mapping[TaskKey, Json]
    tools: Mapping[TaskKey, Sequence[str]]
    artifacts: Sequence[tuple[TaskRef, Artifact]]
    told: Sequence[Told]


async def gather(store: Store, swarm: SwarmId) -> Gathered:
    """Read what a report is made of. Raises `SwarmNotFound`."""
    tasks = await store.registry.tasks(swarm)
    return Gathered(
        swarm=await store.registry.swarm(swarm),
        tasks=tasks,
        values={task.ref.key: await full_value(task, store) for task in tasks},
        tools={task.ref.key: await _tools(task, store) for task in tasks},
        artifacts=await store.registry.artifacts(swarm),
        told=await store.registry.told(swarm),
    )


def written(gathered: Gathered) -> str:
    """Write the report as Markdown."""
    parts = [
        _notice(gathered),
        *_texts(gathered),
        _told(gathered),
        _sources(gathered),
        _cost(gathered),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cost(gathered: Gathered) -> str:
    """What the swarm spent on models, if it asked any that are counted."""
    spent = spent_in_words(gathered.swarm.purse)
    return f"## Cost\n\n{spent[:1].upper()}{spent[1:]}." if spent else ""


def _told(gathered: Gathered) -> str:
    """What people told the swarm while it was at work."""
    if not gathered.told:
        return ""
    rows = [
        f"{told.number}. {_cell(told.by) or 'somebody'} to {told.task or 'all'}: {_cell(told.text)}"
        for told in gathered.told
    ]
    is_offline = gathered.swarm.request.model == OFFLINE
    closing = ["", "The offline model makes nothing of messages."] if is_offline else []
    return "\n".join(["## Told while it was at work", "", *rows, *closing])


def sinks(tasks: Sequence[Task]) -> list[Task]:
    """The tasks that nobody waits for: their results are the swarm's.

    One that was moved to another swarm is that one's.
    """
    return [task for task in tasks if task.is_last and not is_moved(task.status, task.reason)]


def _notice(gathered: Gathered) -> str:
    swarm = gathered.swarm
    if swarm.status is SwarmStatus.COMPLETED:
        return ""
    reason = f": {swarm.reason}" if swarm.reason else ""
    return f"> This swarm is {swarm.status}{reason}. What follows is what there is."


def _texts(gathered: Gathered) -> list[str]:
    """What the last tasks wrote; when none of them did, what the others did."""
    done = [task for task in sinks(gathered.tasks) if task.status is TaskStatus.SUCCEEDED]
    if done:
        return [_text(gathered.values[task.ref.key]) for task in done]
    others = [task for task in gathered.tasks if task.status is TaskStatus.SUCCEEDED]
    return [f"# {gathered.swarm.request.objective}"] + [
        f"## {task.spec.title or task.ref.key}\n\n{_text(gathered.values[task.ref.key])}"
        for task in others
    ]


def _text(value: Json) -> str:
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"])
    return value if isinstance(value, str) else f"```json\n{canonical(value)}\n```"


def _sources(gathered: Gathered) -> str:
    rows = [_source(task, gathered) for task in gathered.tasks]
    head = (
        "## Sources\n\n| task | agent | outcome | tools called | artefacts |\n|---|---|---|---|---|"
    )
    model = gathered.swarm.request.model
    written_by = {None: "no model", OFFLINE: "the offline model"}.get(model, f"the model {model}")
    workspace = gathered.swarm.request.workspace or "none"
    closing = (
        f"Swarm `{gathered.swarm.id}`, workspace `{workspace}`, written with {written_by}."
        " Every figure comes from the tool results kept as artefacts:"
        f" `skep swarm artifacts {gathered.swarm.id}`."
    )
    return "\n".join((head, *rows, "", closing))


def _source(task: Task, gathered: Gathered) -> str:
    tools = ", ".join(f"`{tool}`" for tool in gathered.tools[task.ref.key]) or "none"
    artifacts = ", ".join(
        f"`{artifact.name}` ({artifact.digest[:DIGEST_SHOWN]})"
        for ref, artifact in gathered.artifacts
        if ref == task.ref
    )
    outcome = task.status if not task.reason else f"{task.status}: {_cell(task.reason)}"
    return f"| {task.ref.key} | {task.spec.agent} | {outcome} | {tools} | {artifacts or 'none'} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


async def _tools(task: Task, store: Store) -> list[str]:
    steps = await store.journal.read(task.ref, run=task.run)
    named = [_TOOL_STEP.fullmatch(step.key) for step in steps]
    return list(dict.fromkeys(match.group(1) for match in named if match))
