"""A swarm's log, replayed from its creation: what the state must be if the events are all of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from skep.records.errors import IllegalMove
from skep.records.event import Event, Remark
from skep.records.ids import TaskKey
from skep.records.moves import moved
from skep.records.swarm import SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TASK_MOVES, TERMINAL, Task, TaskMove, TaskStatus
from skep.testing.invariants.report import InvariantBroken, hold
from skep.testing.invariants.view import View

COUNTED = frozenset({TaskMove.FAIL, TaskMove.RETRY, TaskMove.LOSE, TaskMove.GIVE_UP})
"""The moves that count as a failure of the run."""


@dataclass(slots=True, kw_only=True)
class Traced:
    """What the log says of one task."""

    status: TaskStatus = TaskStatus.WAITING
    attempt: int = 0
    run: int = 1
    failures: int = 0


@dataclass(slots=True, kw_only=True)
class Trace:
    """What the log says of one swarm: statuses, counters and how the tasks wait for each other."""

    cap: int
    status: SwarmStatus = SwarmStatus.INITIALIZING
    tasks: dict[TaskKey, Traced] = field(default_factory=dict[TaskKey, Traced])
    edges: list[tuple[TaskKey, TaskKey]] = field(default_factory=list[tuple[TaskKey, TaskKey]])


def check_replay(view: View) -> None:
    """Invariants 1, 3, 8, 12 and 29: the log leads to the state as it is stored."""
    trace = replay(view)
    name = view.swarm.id
    hold(
        1,
        f"{name} is {view.swarm.status}, its events say {trace.status}",
        that=trace.status is view.swarm.status,
    )
    cap = view.swarm.request.max_agents
    hold(1, f"{name} has cap {cap}, its events say {trace.cap}", that=cap == trace.cap)
    hold(1, f"{name}: tasks without creation", that=set(trace.tasks) == set(view.tasks))
    for key, task in view.tasks.items():
        _compare(task, trace.tasks[key])
    stored = sorted((edge.up, edge.down) for edge in view.edges)
    hold(
        3,
        f"{name} has edges {stored}, the plan says {sorted(trace.edges)}",
        that=stored == sorted(trace.edges),
    )


def replay(view: View) -> Trace:
    """Apply every event to an empty swarm; raises `InvariantBroken` where one cannot follow."""
    trace = Trace(cap=_first_cap(view))
    for event in view.events:
        try:
            _apply(trace, view, event)
        except IllegalMove as error:
            raise InvariantBroken(1, f"event {event.seq} of {event.swarm}: {error}") from error
    return trace


def _apply(trace: Trace, view: View, event: Event) -> None:
    if event.kind in set(SwarmMove):
        move = SwarmMove(event.kind)
        trace.status = moved(SWARM_MOVES, trace.status, move)
        if move in (SwarmMove.START, SwarmMove.EXTEND):
            _create(trace, view, event)
        elif move is SwarmMove.RESUME:
            _forgive(trace.tasks.values())
        elif move is SwarmMove.REINSTATE:
            _drop(trace, event)
        elif move is SwarmMove.CAP:
            trace.cap = _told_cap(event, "max_agents")
    elif event.kind == Remark.REINSTATED:
        assert event.task is not None
        trace.tasks[event.task] = _as_told(event)
    elif event.kind in set(TaskMove):
        hold(1, f"event {event.seq} names no task", that=event.task in trace.tasks)
        assert event.task is not None
        _apply_to_task(trace.tasks[event.task], view.tasks.get(event.task), event)
        if event.kind == TaskMove.CLAIM:
            _check_cap(trace, event)


def _first_cap(view: View) -> int:
    """The cap that the swarm began with: what the first change of it left behind."""
    changes = [event for event in view.events if event.kind == SwarmMove.CAP]
    return _told_cap(changes[0], "was") if changes else view.swarm.request.max_agents


def _told_cap(event: Event, name: str) -> int:
    told = event.data.get(name)
    assert isinstance(told, int), event
    return told


def _check_cap(trace: Trace, event: Event) -> None:
    """Invariant 29: no grant goes over the cap, though what ran when it was lowered goes on."""
    running = sum(task.status is TaskStatus.RUNNING for task in trace.tasks.values())
    hold(
        29,
        f"event {event.seq} of {event.swarm} makes {running} run under a cap of {trace.cap}",
        that=running <= trace.cap,
    )


def _create(trace: Trace, view: View, event: Event) -> None:
    keys = _keys_in(event)
    by = event.data.get("by")
    gone = _dropped(view.events)
    waiting_for_spawner = [down for up, down in trace.edges if up == by]
    for key in keys:
        hold(1, f"task {key} was created twice", that=key not in trace.tasks)
        is_known = key in view.tasks or key in gone
        hold(1, f"task {key} is told of but not stored", that=is_known)
        trace.tasks[key] = Traced()
        ups = view.tasks[key].spec.after if key in view.tasks else ()
        trace.edges.extend((up, key) for up in ups)
        trace.edges.extend((key, down) for down in waiting_for_spawner)


def _dropped(events: Iterable[Event]) -> set[TaskKey]:
    told = [event.data["dropped"] for event in events if event.kind == SwarmMove.REINSTATE]
    return {TaskKey(str(key)) for keys in told if isinstance(keys, list) for key in keys}


def _drop(trace: Trace, event: Event) -> None:
    """Forget the tasks that a recovery could not bring back."""
    gone = _dropped([event])
    trace.edges = [edge for edge in trace.edges if not gone.intersection(edge)]
    for key in gone:
        del trace.tasks[key]


def _as_told(event: Event) -> Traced:
    told = event.data
    run, attempt, failures = (told[name] for name in ("run", "attempt", "failures"))
    assert isinstance(run, int), event
    assert isinstance(attempt, int), event
    assert isinstance(failures, int), event
    status = TaskStatus(str(told["status"]))
    return Traced(status=status, attempt=attempt, run=run, failures=failures)


def _keys_in(event: Event) -> Sequence[TaskKey]:
    told = event.data.get("tasks", [])
    assert isinstance(told, list | tuple), event
    return [TaskKey(str(key)) for key in told]


def _forgive(tasks: Iterable[Traced]) -> None:
    for task in tasks:
        if task.status not in TERMINAL:
            task.failures = 0


def _apply_to_task(traced: Traced, task: Task | None, event: Event) -> None:
    move = TaskMove(event.kind)
    traced.status = moved(TASK_MOVES, traced.status, move)
    if move is TaskMove.CLAIM:
        traced.attempt += 1
        attempt = event.data.get("attempt")
        hold(
            8,
            f"{event.task} was granted as attempt {attempt}, not {traced.attempt}",
            that=attempt == traced.attempt,
        )
    if move is TaskMove.REOPEN:
        traced.run, traced.failures = traced.run + 1, 0
    if move in COUNTED:
        traced.failures += 1
        if task is not None:  # one that a recovery could not bring back has no bounds any more
            _check_loss(traced, task, move)


def _check_loss(traced: Traced, task: Task, move: TaskMove) -> None:
    allowed = task.spec.retry.attempts_max
    detail = f"{task.ref} at failure {traced.failures} of {allowed}: {move}"
    if move is TaskMove.LOSE:
        hold(12, detail, that=traced.failures < allowed)
    if move is TaskMove.GIVE_UP:
        hold(12, detail, that=traced.failures >= allowed)


def _compare(task: Task, traced: Traced) -> None:
    hold(
        1,
        f"{task.ref} is {task.status}, its events say {traced.status}",
        that=task.status is traced.status,
    )
    hold(
        8,
        f"{task.ref} has attempt {task.attempt}, its events say {traced.attempt}",
        that=task.attempt == traced.attempt,
    )
    hold(
        1,
        f"{task.ref} has run {task.run}, its events say {traced.run}",
        that=task.run == traced.run,
    )
    hold(
        12,
        f"{task.ref} has {task.failures} failures, its events say {traced.failures}",
        that=task.failures == traced.failures,
    )
