"""Which plans can be stored: names, limits, known dependencies, no cycle."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain

from skep.policy.purse import check_budget
from skep.records import limits
from skep.records.codec import request_json, spec_text
from skep.records.command import Addition
from skep.records.errors import (
    CycleInPlan,
    DuplicateTask,
    LimitExceeded,
    PlanRefused,
    UnknownDependency,
)
from skep.records.ids import TaskKey, is_name
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import TERMINAL, RetryPolicy, TaskSpec, TaskStatus
from skep.records.values import Json, canonical, is_storable


def check_plan(plan: Plan) -> None:
    """Refuse a plan that cannot be stored.

    Raises `DuplicateTask`, `UnknownDependency`, `CycleInPlan`, `LimitExceeded` or `PlanRefused`.
    """
    if plan.sealed and not plan.tasks:
        raise PlanRefused("A sealed plan needs at least one task.")
    _bound("PLAN_TASKS_MAX", limits.PLAN_TASKS_MAX, len(plan.tasks))
    check_tasks(plan.tasks, known=frozenset())


def check_request(request: SwarmRequest) -> None:
    """Refuse a swarm whose objective, priority or bounds are out of range."""
    if not request.objective.strip():
        raise PlanRefused("A swarm needs an objective.")
    _check_text(request.objective, subject="objective")
    _check_text(request.workspace or "", subject="workspace")
    _size(request_json(request), subject="request")
    _bound("OBJECTIVE_CHARS_MAX", limits.OBJECTIVE_CHARS_MAX, len(request.objective))
    _within("SWARM_AGENTS_MAX", (1, limits.SWARM_AGENTS_MAX), request.max_agents)
    _within("PRIORITY_MAX", (0, limits.PRIORITY_MAX), request.priority)
    check_budget(request.budget)
    check_capabilities(request.capabilities)
    if request.timeout_s is not None:
        _within("SECONDS_MAX", (0, limits.SECONDS_MAX), request.timeout_s)


def check_capabilities(names: Collection[str]) -> None:
    """Refuse capabilities of a swarm that are no names, too long or too many."""
    _bound("CAPABILITIES_MAX", limits.CAPABILITIES_MAX, len(names))
    for name in names:
        if not is_name(name):
            raise PlanRefused(f"{name!r} is no valid name of a capability.")
        _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(name))


def check_tasks(tasks: Sequence[TaskSpec], *, known: AbstractSet[TaskKey]) -> None:
    """Refuse tasks that are malformed, wait for nobody knows whom, or for each other.

    `known` holds the keys outside `tasks` that they may wait for.
    """
    for task in tasks:
        _check_spec(task)
    keys = _distinct(task.key for task in tasks)
    for task in tasks:
        for dependency in task.after:
            if dependency not in keys and dependency not in known:
                raise UnknownDependency(task=task.key, missing=dependency)
    _check_shape({task.key: frozenset(task.after) & keys for task in tasks})


def check_addition(
    addition: Addition, *, total: int, present: Mapping[TaskKey, TaskStatus]
) -> None:
    """Refuse tasks that cannot be added to a swarm that has `total` tasks already.

    `present` has the status of those that the addition names. A spawn may wait only for what
    cannot wait for it: itself, its spawner, and ended tasks.
    """
    _bound("ADDITION_TASKS_MAX", limits.ADDITION_TASKS_MAX, len(addition.tasks))
    _bound("PLAN_TASKS_MAX", limits.PLAN_TASKS_MAX, total + len(addition.tasks))
    for task in addition.tasks:
        if task.key in present:
            raise DuplicateTask(task=task.key)
    if addition.token is None:
        return check_tasks(addition.tasks, known=present.keys())
    ended = {key for key, status in present.items() if status in TERMINAL}
    return check_tasks(addition.tasks, known=ended | {addition.token.task})


def _distinct(keys: Iterable[TaskKey]) -> frozenset[TaskKey]:
    seen: set[TaskKey] = set()
    for key in keys:
        if key in seen:
            raise DuplicateTask(task=key)
        seen.add(key)
    return frozenset(seen)


def _check_spec(task: TaskSpec) -> None:
    for name in _names(task):
        if not is_name(name):
            raise PlanRefused(
                f"{name!r} is no valid name (task {task.key!r}).",
                hint="A name starts with a letter or digit and goes on with those and _ . : # -",
            )
        _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(name), subject=task.key)
    _check_numbers(task)
    if len(set(task.after)) != len(task.after):
        raise PlanRefused(f"Task {task.key!r} names a dependency twice.")
    _check_text(task.title, subject=f"title of task {task.key!r}")
    _bound(
        "VALUE_BYTES_MAX",
        limits.VALUE_BYTES_MAX,
        _size(task.input, subject=f"input of task {task.key!r}"),
        subject=task.key,
    )


def _names(task: TaskSpec) -> Iterator[str]:
    return chain((task.key, task.agent, task.queue), task.capabilities)


def _check_numbers(task: TaskSpec) -> None:
    _bound("TASK_EDGES_MAX", limits.TASK_EDGES_MAX, len(task.after), subject=task.key)
    _bound("CAPABILITIES_MAX", limits.CAPABILITIES_MAX, len(task.capabilities), subject=task.key)
    _within("PRIORITY_MAX", (0, limits.PRIORITY_MAX), task.priority, subject=task.key)
    _within("SECONDS_MAX", (0, limits.SECONDS_MAX), task.timeout_s, subject=task.key)
    _within("SECONDS_MAX", (0, limits.SECONDS_MAX), task.delay_s, subject=task.key)
    _check_retry(task.retry, task.key)


def _check_retry(retry: RetryPolicy, key: str) -> None:
    _within("ATTEMPTS_MAX", (1, limits.ATTEMPTS_MAX), retry.attempts_max, subject=key)
    _within("SECONDS_MAX", (0, limits.SECONDS_MAX), retry.base_s, subject=key)
    _within("SECONDS_MAX", (0, limits.SECONDS_MAX), retry.cap_s, subject=key)


def _size(value: Json, *, subject: str) -> int:
    """Count the bytes of a value as it is stored; refuse what is no JSON."""
    try:
        return len(canonical(value).encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise PlanRefused(f"The {subject} is no JSON that can be stored: {error}.") from error


def _check_text(text: str, *, subject: str) -> None:
    if not is_storable(text):
        raise PlanRefused(f"The {subject} holds a NUL or half of a surrogate pair.")


def _check_shape(after: Mapping[TaskKey, frozenset[TaskKey]]) -> None:
    """Walk the graph level by level (Kahn); what is never reached waits for itself."""
    dependents: dict[TaskKey, list[TaskKey]] = {key: [] for key in after}
    for key, dependencies in after.items():
        for dependency in dependencies:
            dependents[dependency].append(key)
    unmet = {key: len(dependencies) for key, dependencies in after.items()}
    level, depth = [key for key, count in unmet.items() if count == 0], 0
    while level:
        depth += 1
        _bound("PLAN_DEPTH_MAX", limits.PLAN_DEPTH_MAX, depth)
        level = _next_level(level, dependents, unmet)
    if unmet:
        raise CycleInPlan(cycle=_a_cycle(after, frozenset(unmet)))


def _next_level(
    level: Sequence[TaskKey],
    dependents: Mapping[TaskKey, Sequence[TaskKey]],
    unmet: dict[TaskKey, int],
) -> list[TaskKey]:
    following: list[TaskKey] = []
    for key in level:
        del unmet[key]
        for dependent in dependents[key]:
            unmet[dependent] -= 1
            if unmet[dependent] == 0:
                following.append(dependent)
    return following


def _a_cycle(
    after: Mapping[TaskKey, frozenset[TaskKey]], left: frozenset[TaskKey]
) -> tuple[str, ...]:
    # Every key that is left waits for another that is left, so following them comes round.
    path: list[TaskKey] = []
    key = min(left)
    while key not in path:
        path.append(key)
        key = min(after[key] & left)
    return (*path[path.index(key) :], key)


def _bound(limit: str, allowed: float, actual: float, *, subject: str = "") -> None:
    if actual > allowed:
        raise LimitExceeded(limit=limit, allowed=allowed, actual=actual, subject=subject)


def _within(limit: str, bounds: tuple[float, float], actual: float, *, subject: str = "") -> None:
    if not bounds[0] <= actual <= bounds[1]:
        raise LimitExceeded(limit=limit, allowed=bounds[1], actual=actual, subject=subject)


def body_of(
    tasks: Iterable[TaskSpec], request: SwarmRequest | None = None, *, sealed: bool = True
) -> str:
    """Write a command's body canonically, so that two bodies under one id can be told apart."""
    return body_with(map(spec_text, tasks), request, sealed=sealed)


def body_with(
    written: Iterable[str], request: SwarmRequest | None = None, *, sealed: bool = True
) -> str:
    """Write a command's body, as `body_of` does, around tasks that are written already."""
    asked = canonical(request_json(request) if request else None)
    return f'{{"request":{asked},"sealed":{canonical(sealed)},"tasks":[{",".join(written)}]}}'
