"""How a swarm is rebuilt that has lost records, and how far the result can be trusted.

What is left of the live records always wins: it is newer than any capture. Only the tasks whose
records are gone are taken from the capture, with the log after it replayed over them
(`replaying.py`). Then the whole plan is made consistent again: who waits for a task that has to run
again waits once more, unless it has ended itself; who waits for nothing any more is let go.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from skep.policy.replaying import at_rest, replayed
from skep.records.approval import ASKED
from skep.records.event import Event, Remark
from skep.records.ids import TaskKey
from skep.records.image import Image, TaskImage
from skep.records.purse import NOTHING, Purse
from skep.records.recovering import News, Reinstatement, TaskFate, TaskNote
from skep.records.step import Step, StepState
from skep.records.swarm import ENDED, SwarmMove
from skep.records.task import TERMINAL, TaskStatus
from skep.records.values import Json

SUSPENDED: Final = "the swarm is being recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What is to be stored of a recovery, and what is said of each task."""

    reinstatement: Reinstatement
    notes: tuple[TaskNote, ...]


def created(events: Iterable[Event]) -> list[TaskKey]:
    """Name the tasks that a log says there are, in the order of the plan."""
    keys = dict[TaskKey, None]()
    for event in events:
        told = event.data.get("tasks")
        if event.kind in (SwarmMove.START, SwarmMove.EXTEND) and isinstance(told, list):
            keys |= {TaskKey(str(key)): None for key in told}
        dropped = event.data.get("dropped")
        if event.kind == SwarmMove.REINSTATE and isinstance(dropped, list):
            for key in dropped:
                keys.pop(TaskKey(str(key)), None)
    return list(keys)


def missing(live: Image) -> list[TaskKey]:
    """Name the tasks that the log tells of and that have no record."""
    present = {task.key for task in live.tasks}
    return [key for key in created(live.events) if key not in present]


def rebuilt(live: Image, point: Image | None, *, source: str, at: float) -> Rebuilt:
    """Work out how a swarm goes on, from what is left of it and a capture, if one is needed."""
    lost = missing(live)
    found, notes = _found(live, point, lost) if point else ({}, ())
    order = created(live.events)
    tasks = {task.key: task for task in live.tasks} | found
    kept = [tasks[key] for key in order if key in tasks]
    plan = _consistent(_wired(kept, live.events), at=at) if lost else kept
    before = {task.key: task for task in live.tasks}
    moved = [task.key for task in plan if task.task.status is not _status(before, task)]
    written = frozenset({*found, *moved})
    dropped = tuple(key for key in lost if key not in found)
    news = _news(plan, written, dropped, source=source, seq=point.swarm.last_seq if point else 0)
    return Rebuilt(
        notes=notes,
        reinstatement=Reinstatement(
            swarm=live.swarm.id,
            seq=live.swarm.last_seq,
            tasks=tuple(plan),
            written=written if lost else frozenset(),
            dropped=dropped,
            purse=all_lost(live.swarm.purse),
            news=news,
            forgotten=_forgotten(live, point) if dropped else (),
        ),
    )


def all_lost(purse: Purse) -> Purse:
    """Count what calls had reserved as spent: nobody who made one of them is heard any more.

    >>> from skep.records.purse import Amount
    >>> all_lost(Purse(reserved=Amount(requests=2), open=2)).spent.requests
    2
    """
    held = purse.reserved
    spent, lost = purse.spent + held, purse.lost + held
    return replace(purse, spent=spent, lost=lost, reserved=NOTHING, open=0)


def open_edges(tasks: Iterable[TaskImage]) -> dict[TaskKey, tuple[TaskKey, ...]]:
    """Name for each task what it waits for still; who has ended waits for nothing."""
    tasks = list(tasks)
    ended = {task.key for task in tasks if task.task.status in TERMINAL}
    return {
        task.key: () if task.key in ended else tuple(up for up in task.ups if up not in ended)
        for task in tasks
    }


def reinstated_told(task: TaskImage) -> dict[str, Json]:
    """What the event of a task carries whose record was made anew."""
    row = task.task
    return {
        "status": row.status.value,
        "run": row.run,
        "attempt": row.attempt,
        "failures": row.failures,
    }


def copied(image: Image, *, at: float) -> Image:
    """Give the image of a swarm that goes on from this one as another: nobody holds any of it.

    Calls under way belong to the first swarm, and so do questions that nobody has answered: the
    copy makes its calls, and asks its questions, anew.
    """
    swarm = image.swarm
    tasks = _consistent([_let_go(task) for task in image.tasks], at=at)
    timeout_s = swarm.request.timeout_s
    deadline = at + timeout_s if timeout_s is not None and swarm.status not in ENDED else None
    purse = replace(swarm.purse, reserved=NOTHING, open=0)
    counts = {status: sum(task.task.status is status for task in tasks) for status in TaskStatus}
    return replace(
        image,
        swarm=replace(swarm, deadline=deadline, purse=purse, counts=counts),
        tasks=tuple(tasks),
        commands=(),
    )


def copy_news(image: Image, copy: Image, *, capture: str) -> tuple[News, ...]:
    """What a copy tells of itself, after the log that it took over."""
    told: dict[str, Json] = {"of": image.swarm.id, "capture": capture, "seq": image.swarm.last_seq}
    before = {task.key: task for task in image.tasks}
    changed = [task for task in copy.tasks if task.task.status is not _status(before, task)]
    return (
        News(kind=Remark.RESTORED, data=told),
        *(
            News(kind=Remark.REINSTATED, task=each.key, data=reinstated_told(each))
            for each in changed
        ),
    )


def _found(
    live: Image, point: Image, lost: Sequence[TaskKey]
) -> tuple[dict[TaskKey, TaskImage], tuple[TaskNote, ...]]:
    known = {task.key: task for task in point.tasks}
    after = dict[TaskKey, list[Event]]()
    for event in live.events:
        if event.seq > point.swarm.last_seq and event.task is not None:
            after.setdefault(event.task, []).append(event)
    loose = dict[TaskKey, list[Step]]()
    for step in live.loose:
        loose.setdefault(step.ref.key, []).append(step)
    found, notes = dict[TaskKey, TaskImage](), list[TaskNote]()
    for key in lost:
        if key not in known:
            notes.append(_dropped(key))
            continue
        result = replayed(known[key], after.get(key, []), loose.get(key, []))
        found[key] = _let_go(result.image)
        fate = TaskFate.REDONE if result.lost else TaskFate.REBUILT
        notes.append(TaskNote(task=key, fate=fate, note=result.lost))
    return found, tuple(notes)


def _dropped(key: TaskKey) -> TaskNote:
    note = "it was added after the point, and nobody knows any more what it was to do"
    return TaskNote(task=key, fate=TaskFate.DROPPED, note=note)


def _let_go(image: TaskImage) -> TaskImage:
    """Take away what only the attempt of then could use: reservations, and open questions."""
    steps = tuple(
        replace(step, reserved=None)
        for step in image.steps
        if not (step.key.startswith(ASKED) and step.state is StepState.OPEN)
    )
    return replace(image, task=at_rest(image.task), steps=steps)


def _wired(tasks: Sequence[TaskImage], events: Iterable[Event]) -> list[TaskImage]:
    """Let each task wait for all that its record, its specification or a spawn says.

    An edge may have gone with the record at either end of it. One that leads to a task that is
    gone for good is none any more.
    """
    places = {task.key: place for place, task in enumerate(tasks)}
    told = _told_ups({task.key: task.task.spec.after for task in tasks}, events)
    return [
        replace(
            task,
            ups=tuple(
                sorted({*task.ups, *told.get(task.key, ())} & places.keys(), key=places.__getitem__)
            ),
        )
        for task in tasks
    ]


def _told_ups(
    after: Mapping[TaskKey, Sequence[TaskKey]], events: Iterable[Event]
) -> dict[TaskKey, set[TaskKey]]:
    """Say what each task waits for: what it names, and what the tasks it waits for have spawned."""
    ups = dict[TaskKey, set[TaskKey]]()
    for event in events:
        told = event.data.get("tasks")
        if event.kind not in (SwarmMove.START, SwarmMove.EXTEND) or not isinstance(told, list):
            continue
        keys, spawner = [TaskKey(str(key)) for key in told], event.data.get("by")
        heirs = [down for down, waited in ups.items() if spawner in waited]
        for heir in heirs:
            ups[heir].update(keys)
        ups |= {key: set(after.get(key, ())) for key in keys}
    return ups


def _consistent(tasks: Sequence[TaskImage], *, at: float) -> list[TaskImage]:
    """Let every task wait, run or be cancelled by where those stand that it waits for."""
    rows = {task.key: task for task in tasks}
    frontier = list(rows)
    downs = dict[TaskKey, list[TaskKey]]()
    for task in tasks:
        for up in task.ups:
            downs.setdefault(up, []).append(task.key)
    while frontier:
        key = frontier.pop()
        settled = _settled(rows[key], rows, at=at)
        if settled.task.status is not rows[key].task.status:
            rows[key] = settled
            frontier.extend(downs.get(key, ()))
    return list(rows.values())


def _settled(image: TaskImage, rows: Mapping[TaskKey, TaskImage], *, at: float) -> TaskImage:
    task = image.task
    if task.status in TERMINAL:
        return image
    ups = [rows[up].task for up in image.ups]
    bad = [up for up in ups if up.status in TERMINAL and up.status is not TaskStatus.SUCCEEDED]
    if bad and not task.spec.tolerant:
        reason = f"task {bad[0].ref.key}, which it waits for, was {bad[0].status}"
        cancelled = replace(task, status=TaskStatus.CANCELLED, ended_at=at, reason=reason)
        return replace(image, task=replace(cancelled, wake_at=None, awaits=()))
    if any(up.status not in TERMINAL for up in ups):
        waiting = replace(task, status=TaskStatus.WAITING, wake_at=None, awaits=())
        return replace(image, task=waiting)
    if task.status is TaskStatus.WAITING:
        return replace(image, task=replace(task, status=TaskStatus.READY))
    return image


def _status(rows: Mapping[TaskKey, TaskImage], task: TaskImage) -> TaskStatus | None:
    row = rows.get(task.key)
    return row.task.status if row else None


def _forgotten(live: Image, point: Image | None) -> tuple[str, ...]:
    """Commands after the point: what they added is gone, so whoever repeats one is to be heard."""
    known = set(point.commands) if point else set[str]()
    return tuple(command for command in live.commands if command not in known)


def _news(
    plan: Sequence[TaskImage],
    written: frozenset[TaskKey],
    dropped: Sequence[TaskKey],
    *,
    source: str,
    seq: int,
) -> tuple[News, ...]:
    told: dict[str, Json] = {
        "source": source,
        "seq": seq,
        "written": len(written),
        "dropped": list[Json](dropped),
    }
    return (
        News(kind=SwarmMove.REINSTATE, data=told),
        *(
            News(kind=Remark.REINSTATED, task=task.key, data=reinstated_told(task))
            for task in plan
            if task.key in written
        ),
    )
