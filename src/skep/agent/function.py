"""Function agents: a user's own async function, with a journal, progress, artefacts and spawns.

    @skep.agent("summarise", capabilities={"text"})
    async def summarise(task: skep.TaskContext, url: str) -> str:
        page = await task.step("fetch", fetch, url)
        ...

The function runs again from its start when its worker died; what stands in a step does not.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf
from typing import Final, TypeVar, cast

from pydantic_core import to_jsonable_python

from skep.agent.allocating import PATIENCE_S, part_of, requisition_of
from skep.agent.approving import decision_on
from skep.agent.brief import Brief, Finding, Work
from skep.agent.journal import Bill
from skep.agent.spawning import add_all, spawn_of
from skep.agent.told import heard
from skep.records.approval import Decision
from skep.records.errors import AgentUnknown, InvalidInput
from skep.records.pool import Allocation
from skep.records.purse import NANO, Amount
from skep.records.step import Effect
from skep.records.task import AgentKind, TaskSpec
from skep.records.told import Told
from skep.records.values import Json

Function = TypeVar("Function", bound=Callable[..., Awaitable[object]])
StepValue = TypeVar("StepValue")

STEP: Final = "step"
TOLD: Final = "told"

SHAPES_KEPT: Final = 64
"""Shapes of arguments that a function is known to take; one with `**kwargs` takes any number."""


@dataclass(frozen=True, kw_only=True)
class FunctionAgent:
    """A user's function under the name that plans call it by."""

    name: str
    function: Callable[..., Awaitable[object]]
    capabilities: frozenset[str] = frozenset()

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @cached_property
    def _fitting(self) -> set[tuple[int, frozenset[str]]]:
        """The shapes of arguments that were held against the signature and fit."""
        return set()

    def check(self, /, *args: object, **kwargs: object) -> None:
        """Raise `TypeError` for arguments that the function does not take.

        Whether they fit is a matter of how many there are and of their names, and the same for
        each task of a plan.
        """
        shape = (len(args), frozenset(kwargs))
        if shape not in self._fitting:
            self._signature.bind(*args, **kwargs)
            if len(self._fitting) < SHAPES_KEPT:
                self._fitting.add(shape)


class Roster:
    """The function agents of one process, by name."""

    def __init__(self) -> None:
        self.agents: dict[str, FunctionAgent] = {}

    def agent(
        self, name: str, *, capabilities: frozenset[str] | set[str] = frozenset()
    ) -> Callable[[Function], Function]:
        """Decorate an async function `(task, …) -> JSON` as the agent `name`.

        A task's input is passed as keyword arguments when it is an object, as the one argument
        when it is anything else, and not at all when it is null. `capabilities` are what the
        function's worker offers besides the name itself.

        Raises `InvalidInput` for a function that is not async, or a name given twice.
        """

        def enlist(function: Function) -> Function:
            if not inspect.iscoroutinefunction(function):
                raise InvalidInput(f"Agent {name!r} must be an async function.")
            if name in self.agents and self.agents[name].function is not function:
                raise InvalidInput(f"There are two agents called {name!r}.")
            self.agents[name] = FunctionAgent(
                name=name, function=function, capabilities=frozenset(capabilities)
            )
            return function

        return enlist

    @property
    def capabilities(self) -> frozenset[str]:
        """What a worker with these agents offers."""
        names = {f"agent:{name}" for name in self.agents}
        return frozenset(names).union(*(agent.capabilities for agent in self.agents.values()))


ROSTER: Final = Roster()
"""The agents that `skep.agent` enlists."""


class TaskContext:
    """A running task, as its agent's function sees it."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._pieces: dict[str, tuple[str, bytes]] = {}
        self._spawns = 0
        self._asked = 0
        self._parts = 0

    @property
    def key(self) -> str:
        """The task's key in its plan."""
        return self._brief.grant.spec.key

    @property
    def objective(self) -> str:
        """What the swarm is for."""
        return self._brief.request.objective

    @property
    def attempt(self) -> int:
        """Which try this is, over all runs, counted from 1."""
        return self._brief.grant.token.attempt

    @property
    def findings(self) -> Mapping[str, Finding]:
        """What the tasks that this one waited for came to, by their keys."""
        return {finding.key: finding for finding in self._brief.findings}

    async def step(
        self,
        name: str,
        call: Callable[..., Awaitable[StepValue]],
        *args: object,
        key: str | None = None,
        effect: Effect = Effect.IDEMPOTENT,
        max_usd: float | None = None,
        **kwargs: object,
    ) -> StepValue:
        """Call `call(*args, **kwargs)` once, and after a crash give what it returned then.

        Arguments and result must be JSON; the result comes back as plain JSON values. A name used
        twice in a task needs a `key` of its own. `effect` says what repeating the call would do,
        for a crash while it runs leaves nobody to tell whether it was made: a `pure` or
        `idempotent` one is made again, one of class `once` waits for a person.

        A call that costs money says how much at most: `max_usd` and one request are reserved in
        the swarm's purse before it, and count as spent after it, whether it returned or raised.
        What does not fit ends the attempt; the task goes on when there is room.

        Raises `PurseWaits` or `PurseEmpty`, both to be left to Skep, `Diverged`,
        `UnknownEffect`, `Fenced`, and whatever the call raises.
        """
        request = cast("Json", to_jsonable_python({"args": args, "kwargs": kwargs}))

        async def made() -> Json:
            return cast("Json", to_jsonable_python(await call(*args, **kwargs)))

        path = f"{STEP}/{name}" if key is None else f"{STEP}/{name}:{key}"
        bill = _bill(max_usd, payee=path)
        value = await self._brief.journal.step(path, request, made, effect=effect, bill=bill)
        return cast("StepValue", value)

    async def approval(
        self,
        name: str,
        question: str,
        *,
        detail: object = None,
        expires_s: float | None = None,
        key: str | None = None,
    ) -> Decision:
        """Ask a person, and give the decision; `detail` is what exactly is asked for, as JSON.

        While nobody has decided, the attempt ends here and the task holds no worker: the decision
        wakes it, and the function runs again from its start. Without an answer for `expires_s`
        the decision is that it expired, which approves nothing. A name used twice in a task needs
        a `key` of its own.

        Raises `Diverged` when this run asked something else under the name, `Fenced`,
        `LimitExceeded`, or `InvalidInput`.
        """
        path = name if key is None else f"{name}:{key}"
        asked_for = cast("Json", to_jsonable_python(detail))
        return await decision_on(self._brief, path, question, detail=asked_for, expires_s=expires_s)

    async def told(self) -> Sequence[Told]:
        """Read what people have told the swarm so far, or this task of it, oldest first.

        Each call is a step of its own: after a crash it gives what it gave then, and the next call
        also what was told since. Raises as `step` does.
        """
        self._asked += 1
        return await heard(self._brief, f"{TOLD}/{self._asked}")

    def allocate(
        self, pool: str, amount: int, *, priority: int | None = None, patience_s: float = PATIENCE_S
    ) -> AbstractAsyncContextManager[Allocation]:
        """Hold a part of a pool for a block: `async with task.allocate("memory", 512):`.

        It waits its turn, by priority (the task's own, if none is said) and then by age. Given back
        at the end of the block, or with the attempt if the worker dies. Entering raises `PoolBusy`
        when it was not free within `patience_s`, `PoolNotFound`, `OverCapacity` or `Fenced`.
        """
        self._parts += 1
        rank = self._brief.grant.spec.priority if priority is None else priority
        asked = requisition_of(
            self._brief.grant.token, pool, amount, priority=rank, number=self._parts
        )
        return part_of(self._brief.store, asked, patience_s=patience_s)

    def idempotency_key(self, name: str, *, key: str | None = None) -> str:
        """The key to send with the outside call of a step, equal in every attempt of the run."""
        return self._brief.journal.idempotency_key(f"{STEP}/{name}" + (f":{key}" if key else ""))

    async def progress(self, text: str, *, fraction: float | None = None) -> None:
        """Tell whoever watches how far the task is; `fraction` goes from 0 to 1."""
        remark: dict[str, Json] = {"text": text}
        if fraction is not None:
            remark["fraction"] = min(max(fraction, 0.0), 1.0)
        await self._brief.store.log.remark(self._brief.grant.token, [remark])

    def leave(self, name: str, content: str | bytes, *, media_type: str = "text/plain") -> None:
        """Leave an artefact, stored when the task succeeds."""
        data = content.encode() if isinstance(content, str) else content
        self._pieces[name] = (media_type, data)

    async def spawn(self, tasks: Sequence[TaskSpec]) -> None:
        """Add tasks to the swarm; what waits for this task waits for them as well.

        As many as the plan may have: more than 256 go in by pieces, and then at most 256 of them
        may hang together by their dependencies. Safe to repeat: the same spawn after a crash adds
        nothing twice, and what was left out. Raises `PlanRefused` and its kinds, or `Fenced`.
        """
        self._spawns += 1
        spawn = spawn_of(self._brief.grant.token, tasks, number=self._spawns)
        await add_all(self._brief.store, spawn)

    def work(self, value: object) -> Work:
        """What the function brought about."""
        return Work(value=cast("Json", to_jsonable_python(value)), pieces=self._pieces)


class FunctionPerformer:
    """Performs tasks of kind `function`."""

    kind = AgentKind.FUNCTION

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    async def perform(self, brief: Brief) -> Work:
        """Call the task's function with the task's input."""
        agent = self._roster.agents.get(brief.grant.spec.agent)
        if agent is None:
            known = tuple(sorted(self._roster.agents))
            raise AgentUnknown(name=brief.grant.spec.agent, known=known)
        task = TaskContext(brief)
        args, kwargs = _arguments(brief.input)
        try:
            agent.check(task, *args, **kwargs)
        except TypeError as error:
            raise InvalidInput(f"The input of task {task.key!r} does not fit: {error}.") from error
        return task.work(await agent.function(task, *args, **kwargs))


def _bill(max_usd: float | None, *, payee: str) -> Bill | None:
    """Reserve all that a call may cost, and count all of it: nobody tells what it took."""
    if max_usd is None:
        return None
    if not 0 <= max_usd < inf:
        raise InvalidInput(f"{max_usd} is no sum that a call may cost.")
    bill = Bill(reserve=Amount(requests=1, nano_usd=ceil(max_usd * NANO)))
    bill.take(bill.reserve, payee)
    return bill


def _arguments(value: Json) -> tuple[list[Json], dict[str, Json]]:
    if isinstance(value, dict):
        return [], value
    return ([] if value is None else [value]), {}
