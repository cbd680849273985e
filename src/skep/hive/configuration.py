"""What people say of swarms and tasks in words, as the records that the engine knows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from typing_extensions import Unpack

from skep.hive.handle import Spending, budget_of
from skep.policy.purse import with_kept
from skep.records.errors import InvalidInput
from skep.records.ids import TaskKey
from skep.records.swarm import Mode, Strategy, SwarmRequest
from skep.records.task import NORMAL_PRIORITY, PRIORITY_NAMES, AgentKind, TaskSpec
from skep.records.values import Json, digest_of

Choose: TypeAlias = Callable[[Mapping[str, object]], tuple[str, AgentKind]]
"""Names the agent for a task that is told of in words, and its kind."""

KEY_DIGITS: Final = 12
SAID: Final = frozenset({"key", "description", "priority", "capabilities", "agent", "input"})
"""What of a task in words has a place of its own."""


class Asked(Spending, total=False):
    """What may be asked of a swarm besides its objective; see `SwarmRequest`."""

    strategy: Strategy | str
    mode: Mode | str
    priority: int
    max_agents: int
    timeout_s: float | None
    workspace: str | None
    model: str | None
    metadata: Mapping[str, object]
    capabilities: tuple[str, ...]


def request_of(objective: str, **asked: Unpack[Asked]) -> SwarmRequest:
    """Make the request. Raises `InvalidInput` for a strategy or mode that there is not."""
    usd, tokens = asked.pop("budget_usd", None), asked.pop("budget_tokens", None)
    requests = asked.pop("budget_requests", None)
    budget = budget_of(budget_usd=usd, budget_tokens=tokens, budget_requests=requests)
    fields = cast("dict[str, Any]", asked)
    if "strategy" in fields:
        fields["strategy"] = _known(Strategy, fields["strategy"])
    if "mode" in fields:
        fields["mode"] = _known(Mode, fields["mode"])
    return SwarmRequest(objective=objective, budget=with_kept(budget) if budget else None, **fields)


def described(objective: str, **asked: Unpack[Asked]) -> SwarmRequest:
    """As `request_of`; metadata may say the priority by name, and the capabilities."""
    metadata = asked.get("metadata", {})
    if "priority" in metadata:
        asked.setdefault("priority", priority_of(metadata["priority"]))
    if "capabilities" in metadata:
        asked.setdefault("capabilities", _names(metadata["capabilities"]))
    return request_of(objective, **asked)


def spec_of(
    task: Mapping[str, object], *, named: str, choose: Choose
) -> tuple[TaskSpec, tuple[str, ...]]:
    """Read a task in words, and what a swarm must be good at to take it by `capability`.

    Without a key it gets one that follows from the name of the command. Raises `InvalidInput`.
    """
    description = task.get("description")
    if not isinstance(description, str) or not description.strip():
        raise InvalidInput("A task has a description.")
    agent, kind = choose(task)
    rest = {name: task[name] for name in task.keys() - SAID}
    default = description if kind is AgentKind.FUNCTION else rest or None
    spec = TaskSpec(
        key=TaskKey(str(task.get("key") or f"task-{digest_of(named)[:KEY_DIGITS]}")),
        agent=agent,
        kind=kind,
        title=description,
        input=cast("Json", task.get("input", default)),
        priority=priority_of(task.get("priority", NORMAL_PRIORITY)),
    )
    return spec, _names(task.get("capabilities", []))


def priority_of(said: object) -> int:
    """Read a priority, from 0 to 9 or by its name. Raises `InvalidInput`.

    >>> priority_of("high"), priority_of(3)
    (7, 3)
    """
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if isinstance(said, str) and said in PRIORITY_NAMES:
        return PRIORITY_NAMES[said]
    raise InvalidInput(f"There is no priority {said!r}.", hint=f"Say {', '.join(PRIORITY_NAMES)}.")


def _names(said: object) -> tuple[str, ...]:
    if isinstance(said, str) or not isinstance(said, Sequence):
        raise InvalidInput("Capabilities are a list of names.")
    return tuple(map(str, cast("Sequence[object]", said)))


def _known(words: type[Strategy] | type[Mode], said: str) -> Strategy | Mode:
    try:
        return words(said)
    except ValueError:
        kind = words.__name__.lower()
        hint = f"There are {', '.join(words)}."
        raise InvalidInput(f"There is no {kind} {said!r}.", hint=hint) from None
