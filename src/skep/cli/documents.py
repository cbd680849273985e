"""Records as JSON documents: what `--json` writes."""

import json
import sys
from dataclasses import asdict
from typing import cast

from pydantic import TypeAdapter

from skep.agent.answers import Answer
from skep.records.event import Event
from skep.records.letter import DeadLetter
from skep.records.purse import Purse
from skep.records.role import Role
from skep.records.step import Step
from skep.records.swarm import Swarm
from skep.records.task import Task
from skep.records.values import Json

_EVENT = TypeAdapter(Event)
_ROLE = TypeAdapter(Role)


def write_json(value: Json, *, indent: int | None = 2) -> None:
    """Write one document to stdout, in ASCII, whatever the terminal can show."""
    sys.stdout.write(json.dumps(value, indent=indent) + "\n")


def swarm_json(swarm: Swarm) -> dict[str, Json]:
    """Write a swarm, without its tasks."""
    return {
        "swarm": swarm.id,
        "status": swarm.status,
        "reason": swarm.reason,
        "objective": swarm.request.objective,
        "model": swarm.request.model,
        "workspace": swarm.request.workspace,
        "max_agents": swarm.request.max_agents,
        "created_at": swarm.created_at,
        "ended_at": swarm.ended_at,
        "counts": {status: count for status, count in swarm.counts.items() if count},
        "purse": purse_json(swarm.purse),
    }


def purse_json(purse: Purse) -> dict[str, Json]:
    """Write what a swarm may spend and has spent, in nano-dollars."""
    return {
        "budget": purse.budget.limits_as_json(),
        "kept": purse.budget.kept.as_json(),
        "spent": purse.spent.as_json(),
        "reserved": purse.reserved.as_json(),
        "lost": purse.lost.as_json(),
        "open": purse.open,
        "unpriced": purse.unpriced,
        "overrun": purse.overrun,
        "is_empty": purse.is_empty,
    }


def task_json(task: Task) -> dict[str, Json]:
    """Write a task, without its outcome."""
    return {
        "key": task.ref.key,
        "agent": task.spec.agent,
        "title": task.spec.title,
        "after": list(task.spec.after),
        "status": task.status,
        "run": task.run,
        "attempts": task.attempt,
        "failures": task.failures,
        "reason": task.reason,
        "started_at": task.started_at,
        "ended_at": task.ended_at,
    }


def letter_json(letter: DeadLetter) -> dict[str, Json]:
    """Write a dead letter; `cursor` asks for those after it."""
    return {
        "swarm": letter.ref.swarm,
        "task": letter.ref.key,
        "agent": letter.agent,
        "run": letter.run,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "failed_at": letter.failed_at,
        "cursor": letter.cursor,
    }


def step_json(step: Step, answer: Answer | None = None) -> Json:
    """Write a step of a journal, with the size of its value in place of the value.

    `answer` is what a model's answer among the steps tells of itself.
    """
    return {
        "task": step.ref.key,
        "run": step.run,
        "key": step.key,
        "effect": step.effect,
        "state": step.state,
        "calls": step.calls,
        "bytes": len(step.value.encode()) if step.value is not None else None,
        "model": (answer.model if answer else step.payee) or None,
        "passed_over": [asdict(each) for each in answer.passed_over] if answer else [],
    }


def event_json(event: Event) -> Json:
    """Write an event."""
    return cast("Json", _EVENT.dump_python(event, mode="json"))


def role_json(role: Role) -> Json:
    """Write a role."""
    return cast("Json", _ROLE.dump_python(role, mode="json"))
