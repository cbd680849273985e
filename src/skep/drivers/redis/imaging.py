"""An image out of the keys of a swarm, and the keys of a task out of its image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from skep.drivers.redis.answers import (
    UNTOUCHED,
    Fields,
    artifacts_of,
    event_of,
    step_of,
    swarm_of,
    task_of,
)
from skep.policy.placement import skills_of
from skep.policy.recovery import created, open_edges
from skep.records.codec import request_json, spec_text
from skep.records.errors import SwarmNotFound
from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.image import Image, TaskImage
from skep.records.purse import UNTOUCHED as UNTOUCHED_PURSE
from skep.records.purse import amount_text, purse_text
from skep.records.recovering import REINSTATED, News
from skep.records.step import Step
from skep.records.swarm import Swarm
from skep.records.task import TERMINAL, TaskMove, lane_of
from skep.records.told import told_from
from skep.records.values import Json, canonical, parsed

NOTHING: Final = ""


@dataclass(slots=True, kw_only=True)
class Picture:
    """The parts of an image as they come in; what came last of a task is what counts."""

    swarm: SwarmId
    events: list[str] = field(default_factory=list[str])
    rows: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    head: Sequence[Any] = ()

    def take_in(self, answer: Sequence[Any]) -> Sequence[str]:
        """Take an answer of the function `image` in; gives the events that it brought.

        Raises `SwarmNotFound`.
        """
        if answer[0] == "NOSWARM":
            raise SwarmNotFound(swarm=self.swarm)
        _, fields, events, told, commands, *rows = answer
        self.head = (fields, told, commands)
        self.rows |= {row[0]: row for row in rows}
        return events

    def wanted(self) -> list[tuple[TaskKey, int]]:
        """Name the tasks that the events tell of, each with the number of its runs."""
        events = [event_of(self.swarm, text) for text in self.events]
        again = Counter(each.task for each in events if each.kind == TaskMove.REOPEN)
        return [(key, 1 + again[key]) for key in created(events)]

    def image(self) -> Image:
        """Put the parts together."""
        fields, told, commands = self.head
        events = tuple(event_of(self.swarm, text) for text in self.events)
        rows = [self.rows[key] for key in created(events) if key in self.rows]
        kept = [_task(self.swarm, row) for row in rows if row[1]]
        waited_for = {up for task in kept for up in task.ups}
        return Image(
            swarm=swarm_of(self.swarm, _fields(fields)),
            tasks=tuple(_seen(task, is_last=task.key not in waited_for) for task in kept),
            events=events,
            told=tuple(told_from(self.swarm, parsed(text)) for text in told),
            commands=tuple(sorted(commands)),
            loose=tuple(step for row in rows if not row[1] for step in _steps(self.swarm, row)),
        )


def laid(tasks: Sequence[TaskImage], written: frozenset[TaskKey]) -> list[dict[str, Json]]:
    """Write the tasks of a plan as the function `lay` takes them."""
    places = {task.key: place for place, task in enumerate(tasks)}
    still_open = open_edges(tasks)
    downs: dict[TaskKey, list[Json]] = {task.key: [] for task in tasks}
    for task in tasks:
        for up in task.ups:
            downs[up].append([task.key, places[task.key], up in still_open[task.key]])
    found = list[dict[str, Json]]()
    for task in tasks:
        row: dict[str, Json] = {
            "key": task.key,
            "ordinal": places[task.key],
            "unmet": len(still_open[task.key]),
            "ups": [[up, places[up]] for up in task.ups],
            "downs": downs[task.key],
        }
        if task.key in written:
            row |= {"fields": _record(task, row), "steps": [*map(_step_json, task.steps)]}
        found.append(row)
    return found


def swarm_fields(swarm: Swarm, *, seq: int) -> list[Json]:
    """Write the hash of a swarm, without its status and counts, as names and values in turn."""
    timeout_s = swarm.request.timeout_s
    fields: dict[str, str] = {
        "request": canonical(request_json(swarm.request)),
        "sealed": "1" if swarm.sealed else "0",
        "cap": str(swarm.request.max_agents),
        "priority": str(swarm.request.priority),
        "seq": str(seq),
        "created_at": repr(swarm.created_at),
        "timeout_s": NOTHING if timeout_s is None else repr(float(timeout_s)),
        "deadline": _time(swarm.deadline),
        "ended_at": _time(swarm.ended_at),
        "reason": swarm.reason,
    }
    if swarm.request.capabilities:
        fields["skills"] = skills_of(swarm.request)
    if swarm.purse != UNTOUCHED_PURSE:
        fields["purse"] = purse_text(swarm.purse)
    return _flat(fields)


def event_text(event: Event) -> str:
    """Write an event as the log holds it."""
    fields: dict[str, Json] = {"seq": event.seq, "kind": event.kind, "at": event.at}
    if event.task is not None:
        fields["task"] = event.task
    return canonical({**fields, "data": dict(event.data)})


def news_json(news: Sequence[News]) -> list[Json]:
    """Write what a swarm tells of itself as the functions take it."""
    return [
        {"kind": each.kind, "data": canonical(each.data)}
        | ({"task": each.task} if each.task is not None else {})
        for each in news
    ]


def _task(swarm: SwarmId, row: Sequence[Any]) -> TaskImage:
    key, flat, ups, _ = row
    fields = {**UNTOUCHED, **_fields(flat)}
    return TaskImage(
        task=task_of(TaskRef(swarm=swarm, key=TaskKey(key)), fields, is_last=True),
        ups=tuple(TaskKey(up) for up in ups),
        artifacts=tuple(artifacts_of(fields)),
        steps=tuple(_steps(swarm, row)),
    )


def _seen(image: TaskImage, *, is_last: bool) -> TaskImage:
    return image if is_last else replace(image, task=replace(image.task, is_last=False))


def _steps(swarm: SwarmId, row: Sequence[Any]) -> list[Step]:
    ref = TaskRef(swarm=swarm, key=TaskKey(row[0]))
    flat = row[3]
    return [step_of(ref, int(run), text) for run, text in zip(flat[::2], flat[1::2], strict=True)]


def _record(image: TaskImage, row: Mapping[str, Json]) -> list[Json]:
    task, spec = image.task, image.task.spec
    artifacts = [
        [each.name, each.media_type, each.digest, each.size_bytes] for each in image.artifacts
    ]
    fields: dict[str, str] = {
        "spec": spec_text(spec),
        "status": task.status,
        "unmet": str(row["unmet"]),
        "lane": lane_of(spec),
        "ordinal": str(row["ordinal"]),
        "priority": str(spec.priority),
        "tolerant": "1" if spec.tolerant else "0",
        "delay_s": repr(float(spec.delay_s)),
        "timeout_s": repr(float(spec.timeout_s)),
        "attempts_max": str(spec.retry.attempts_max),
        "run": str(task.run),
        "attempt": str(task.attempt),
        "failures": str(task.failures),
        "nonce": NOTHING,
        "spent": REINSTATED if task.status in TERMINAL else NOTHING,
        "outcome": task.outcome or NOTHING,
        "reason": task.reason,
        "artifacts": canonical([*artifacts]) if artifacts else NOTHING,
        "wake_at": _time(task.wake_at),
        "started_at": _time(task.started_at),
        "ended_at": _time(task.ended_at),
    }
    return _flat(fields)


def _step_json(step: Step) -> Json:
    fields: dict[str, Json] = {
        "key": step.key,
        "fingerprint": step.fingerprint,
        "effect": step.effect,
        "state": step.state,
        "intent": step.intent,
        "calls": step.calls,
    }
    told = {
        "value": step.value,
        "reserved": amount_text(step.reserved),
        "spent": amount_text(step.spent),
        "payee": step.payee or None,
    }
    fields |= {name: value for name, value in told.items() if value is not None}
    return [step.run, step.key, canonical(fields)]


def _fields(flat: Sequence[str]) -> Fields:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _flat(fields: Mapping[str, str]) -> list[Json]:
    return [word for pair in fields.items() for word in pair]


def _time(at: float | None) -> str:
    return NOTHING if at is None else repr(float(at))
