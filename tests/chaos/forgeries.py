"""Evidence made by hand: that of a faultless run, and ways to spoil it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.chaos.evidence import Call, Evidence, Fates, Seen, Wanted
from tests.chaos.plans import spec_of
from tests.chaos.sums import Part, expected, parts_of

from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.swarm import Swarm, SwarmRequest, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.values import Json, canonical

SWARM: Final = SwarmId("a")
SHAPE: Final = "chain"
N: Final = 7
STEPS: Final = {"ask": "ask", "charge": "payments"}
KINDS: Final = {"ask": "ask", "charge": "pay"}

Forgery = Callable[[Evidence], Evidence]


def faultless() -> Evidence:
    """A chain of tasks, each done once by a worker that lived."""
    parts = parts_of(SHAPE, N)
    calls = [call for part in parts for call in _calls(part)]
    wanted = Wanted(swarm=SWARM, shape=SHAPE, n=N, is_acknowledged=True)
    return Evidence(
        wanted={SWARM: wanted},
        calls={call.key: [call] for call in calls},
        paid={call.key: 1 for call in calls if call.kind == "pay"},
        swarms=[_seen(parts)],
        fates=Fates(killed={"w1.2": 50.0}, frozen={}, ended={"s0.1": 0}),
    )


def _calls(part: Part) -> list[Call]:
    if part.agent not in STEPS:
        return []
    suffix = ":0" if part.agent == "ask" else ""
    call = Call(
        kind=KINDS[part.agent],
        key=f"{SWARM}/{part.key}/1/step/{STEPS[part.agent]}{suffix}",
        life="w0.1",
        attempt=1,
        asked_at=10.0,
        swarm=SWARM,
        task=part.key,
    )
    return [call]


def _seen(parts: list[Part]) -> Seen:
    sums = expected(SHAPE, N)
    tasks = {part.key: _task(part, ordinal, sums[part.key]) for ordinal, part in enumerate(parts)}
    told = [line for part in parts for line in _told(part)]
    events = [
        Event(
            swarm=SWARM,
            seq=seq,
            kind=kind,
            at=20.0 if kind == "step.recorded" else 5.0,
            task=TaskKey(task),
            data=data,
        )
        for seq, (kind, task, data) in enumerate(told, 1)
    ]
    return Seen(swarm=_swarm(len(tasks), len(events)), tasks=tasks, events=events)


def _told(part: Part) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
    """What the log says of a task, from its grant to its end."""
    yield "task.claimed", part.key, {"worker": "w0", "attempt": 1}
    for call in _calls(part):
        yield "step.recorded", part.key, {"key": _step(call)}
    yield "task.succeeded", part.key, {}


def _step(call: Call) -> str:
    return call.key.split("/", 3)[3]


def _task(part: Part, ordinal: int, total: int) -> Task:
    return Task(
        ref=TaskRef(swarm=SWARM, key=TaskKey(part.key)),
        ordinal=ordinal,
        spec=spec_of(part),
        status=TaskStatus.SUCCEEDED,
        unmet=0,
        attempt=1,
        outcome=canonical({"sum": total, "attempt": 1}),
    )


def _swarm(tasks: int, events: int) -> Swarm:
    return Swarm(
        id=SWARM,
        request=SwarmRequest(objective=SWARM),
        status=SwarmStatus.COMPLETED,
        sealed=True,
        counts={status: tasks * (status is TaskStatus.SUCCEEDED) for status in TaskStatus},
        last_seq=events,
        created_at=1.0,
        ended_at=60.0,
    )


# --- forgeries -----------------------------------------------------------------------------------


def forged(evidence: Evidence, change: Callable[[Seen], Seen]) -> Evidence:
    """Change what the store says."""
    return replace(
        evidence, swarms=[change(seen) for seen in evidence.swarms], recorded={}, claimed={}
    )


def called(evidence: Evidence, kind: str, **changes: object) -> Evidence:
    """Let the world see one more call like the first one of a kind."""
    first = next(iter(evidence.of_kind(kind).values()))[0]
    call = replace(first, **changes)
    calls = {**evidence.calls, call.key: [*evidence.calls.get(call.key, ()), call]}
    return replace(evidence, calls=calls)


def done_by_hand(seen: Seen, key: str, **changes: object) -> Seen:
    """Change one task."""
    return replace(seen, tasks={**seen.tasks, key: replace(seen.tasks[key], **changes)})


def numbered(seen: Seen, events: Iterable[Event], *, step: int = 1) -> Seen:
    """Let a log hold these events, numbered anew."""
    return replace(
        seen, events=[replace(event, seq=1 + i * step) for i, event in enumerate(events)]
    )


def told_again(seen: Seen, kind: str, **data: int) -> Seen:
    """Let the last event of a kind be followed by another one like it."""
    last = max(event.seq for event in seen.events if event.kind == kind)
    before, after = seen.events[:last], seen.events[last:]
    again = replace(before[-1], data={**before[-1].data, **data})
    return numbered(seen, [*before, again, *after])
