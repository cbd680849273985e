"""Drafts: what a model hands in for a plan, and what of it cannot be used.

The form says what a draft looks like. What no form can say (tasks that wait for each other or for
nobody, ends that nothing joins) is found here, in words that a model can mend its draft by.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Final, cast

from skep.policy.plans import check_plan
from skep.records.errors import PlanRefused
from skep.records.ids import TaskKey
from skep.records.limits import PRIORITY_MAX
from skep.records.role import Role
from skep.records.swarm import Plan
from skep.records.task import AgentKind, TaskSpec
from skep.records.values import Json

DRAFT_TASKS_MAX: Final = 24
"""Tasks of one draft."""

DRAFT_DEPTH_MAX: Final = 6
"""Tasks on the longest path of a draft."""

DRAFT_LAST_MAX: Final = 1
"""Tasks of a draft that nobody waits for."""

DRAFT_KEY_CHARS_MAX: Final = 60
"""The key of a drafted task."""

DRAFT_TITLE_CHARS_MAX: Final = 200
"""The title of a drafted task."""

DRAFT_TEXT_CHARS_MAX: Final = 4_000
"""The instructions of a drafted task, and the assumptions of a draft."""

PLAN_PIECE: Final = "plan.json"
"""The artefact that holds a drafted plan as a plan file."""

TASKS: Final = "tasks"
ASSUMPTIONS: Final = "assumptions"


def on_offer(roles: Mapping[str, Role]) -> Sequence[Role]:
    """Give the roles that a draft may name: LLM agents that draft nothing themselves."""
    offered = (roles[name] for name in sorted(roles))
    return [role for role in offered if role.kind is AgentKind.LLM and not role.drafts]


def form_of_draft(roles: Sequence[Role]) -> Mapping[str, Json]:
    """The form of a draft whose tasks are for these roles."""
    fields: dict[str, Json] = {
        "key": _text(DRAFT_KEY_CHARS_MAX, "A name of a few words, with - between them."),
        "agent": {"type": "string", "enum": [role.name for role in roles]},
        "title": _text(DRAFT_TITLE_CHARS_MAX, "What to find out or make, in one sentence."),
        "instructions": _text(
            DRAFT_TEXT_CHARS_MAX,
            "What exactly to do, where, what the result holds, and how one tells that it is done.",
        ),
        "after": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The keys of the tasks whose results it needs; empty for none.",
        },
    }
    task: dict[str, Json] = {
        "type": "object",
        "additionalProperties": False,
        "required": [*fields],
        "properties": fields,
    }
    said = _text(DRAFT_TEXT_CHARS_MAX, "How you read what the objective leaves open.", least=0)
    tasks: Json = {"type": "array", "minItems": 1, "maxItems": DRAFT_TASKS_MAX, "items": task}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [TASKS],
        "properties": {ASSUMPTIONS: said, TASKS: tasks},
    }


def drafted(draft: Json) -> tuple[TaskSpec, ...]:
    """Read the tasks of a draft that fits its form.

    A task that others' results come together in is tolerant where nobody waits for it: it also
    joins what is left when one of them failed.
    """
    rows = cast("Mapping[str, Sequence[Mapping[str, str]]]", draft)[TASKS]
    tasks = tuple(map(_task, rows))
    last = {task.key for task in _last(tasks)}
    return tuple(
        replace(task, tolerant=True, priority=PRIORITY_MAX)
        if task.after and task.key in last
        else task
        for task in tasks
    )


def faults_of_draft(draft: Json, *, taken: Collection[str]) -> list[str]:
    """Say what is wrong with a draft that fits its form; empty for one that can be worked on.

    `taken` are the keys that the swarm has already.
    """
    tasks = drafted(draft)
    try:
        check_plan(Plan(tasks=tasks))
    except PlanRefused as refusal:
        return [f"{refusal.message} {refusal.hint}".strip().rstrip(".")]
    return list(_misshapen(tasks, taken))


def _misshapen(tasks: Sequence[TaskSpec], taken: Collection[str]) -> Iterator[str]:
    if both := sorted({task.key for task in tasks} & set(taken)):
        yield f"the keys {both} are taken by other tasks of the swarm"
    if (depth := _depth(tasks)) > DRAFT_DEPTH_MAX:
        yield f"a path of {depth} tasks is longer than {DRAFT_DEPTH_MAX}"
    if len(last := _last(tasks)) > DRAFT_LAST_MAX:
        keys = [str(task.key) for task in last]
        yield f"nobody waits for the tasks {keys}: end with one task that joins the results"


def _depth(tasks: Sequence[TaskSpec]) -> int:
    after = {task.key: task.after for task in tasks}
    depths = dict[TaskKey, int]()
    for key in TopologicalSorter(after).static_order():
        depths[key] = 1 + max((depths[up] for up in after[key]), default=0)
    return max(depths.values())


def _last(tasks: Sequence[TaskSpec]) -> Sequence[TaskSpec]:
    waited_for = {key for task in tasks for key in task.after}
    return [task for task in tasks if task.key not in waited_for]


def _task(row: Mapping[str, str | Sequence[str]]) -> TaskSpec:
    return TaskSpec(
        key=TaskKey(str(row["key"])),
        agent=str(row["agent"]),
        title=str(row["title"]),
        input=str(row["instructions"]),
        after=tuple(TaskKey(key) for key in row["after"]),
    )


def _text(most: int, description: str, *, least: int = 1) -> dict[str, Json]:
    return {
        "type": "string",
        "minLength": least,
        "maxLength": most,
        "description": description,
    }
