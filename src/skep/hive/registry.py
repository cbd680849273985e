"""The registry: a request and its plan become a swarm, with the charter it will live by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypedDict

from typing_extensions import Unpack

from skep.agent.spawning import light
from skep.hive.capacity import Capacity
from skep.hive.planner import is_to_draft
from skep.hive.templates import PLANNER_AGENT
from skep.policy.plans import body_with
from skep.ports.store import Store
from skep.ports.system import Chance
from skep.records.codec import charter_bytes, spec_text
from skep.records.command import Order, Submission
from skep.records.directory import Statistics, SwarmFilter
from skep.records.errors import (
    AgentFileInvalid,
    IllegalMove,
    InvalidInput,
    PriceUnknown,
    SkepError,
)
from skep.records.ids import SwarmId
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.role import Charter
from skep.records.swarm import (
    ENDED,
    Mode,
    Plan,
    Strategy,
    Swarm,
    SwarmMove,
    SwarmRequest,
    SwarmStatus,
)
from skep.records.task import AgentKind, TaskSpec
from skep.records.values import digest_of

SURELY_LIGHT_CHARS: Final = VALUE_BYTES_MAX // 4
"""A task that is written in so many characters, of four bytes at most, has no large input."""

TAKEN: Final = frozenset(
    {"index", "status", "archive", "metrics", "state", "snapshot", "checkpoint", "leader"}
    | {"global", "coordination", "agents", "tasks", "events"}
)
"""Ids that no swarm may have: on Redis `swarm:<id>` is another key, or a channel, of the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmPage:
    """Some swarms, youngest first, and where to go on; None after the last page."""

    swarms: Sequence[Swarm]
    cursor: str | None = None


class Meant(TypedDict, total=False):
    """Which swarms are meant; see `SwarmFilter`."""

    status: SwarmStatus | None
    strategy: Strategy | None
    mode: Mode | None
    phase: str | None


Unpriced = Callable[[Charter], str | None]
"""Names a model of a charter whose price nobody knows."""


def _none_is(charter: Charter) -> None:
    del charter


DrawCharter = Callable[[str, Sequence[str]], Charter]
"""Draws the charter for a model and the names of the roles that a plan uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmRegistry:
    """Registers swarms. `draw_charter` is called only for plans that have LLM agents."""

    store: Store
    chance: Chance
    draw_charter: DrawCharter
    unpriced: Unpriced = _none_is
    capacity: Capacity | None = None

    async def register(
        self,
        request: SwarmRequest,
        plan: Plan,
        *,
        swarm: str | None = None,
        team: Sequence[str] = (),
    ) -> SwarmId:
        """Store a swarm with its whole plan, and give its id.

        `team` names roles that are in its charter besides those of the plan.

        Registering the same `swarm` again with the same body gives the first one. Raises
        `InvalidInput` for an id that no swarm may have, `PlanRefused` and its kinds,
        `CommandConflict`, `AgentUnknown`, `AgentFileInvalid` for a planner that does not draft,
        `PriceUnknown`, a `ModelError`, or `FleetFull`; then nothing was stored but perhaps blobs
        that nothing refers to.
        """
        if swarm in TAKEN:
            raise InvalidInput(f"A swarm cannot be called {swarm!r}.", hint="Say another id.")
        if self.capacity is not None:
            await self.capacity.take()
        swarm = SwarmId(swarm or self.chance.uuid())
        written = [spec_text(task) for task in plan.tasks]
        digest = digest_of(body_with(written, request, sealed=plan.sealed))
        tasks = await self._light(plan, written)
        stored = Submission(
            command=f"submit/{swarm}",
            digest=digest,
            swarm=swarm,
            request=await self._with_charter(request, plan, team),
            plan=replace(plan, tasks=tasks),
            written=tuple(written) if tasks == plan.tasks else (),
        )
        (answer,) = await self.store.work.submit([stored])
        if isinstance(answer, SkepError):
            raise answer
        return answer.swarm

    async def get_swarms(
        self, *, limit: int = 50, cursor: str | None = None, **meant: Unpack[Meant]
    ) -> SwarmPage:
        """Find swarms that have all that is named, youngest first, up to `limit` at once."""
        before = SwarmId(cursor) if cursor is not None else None
        found = await self.store.directory.find(SwarmFilter(**meant), before=before, limit=limit)
        is_last = len(found) < limit
        return SwarmPage(swarms=found, cursor=None if is_last else found[-1].id)

    async def deregister(self, swarm: str, outcome: str = SwarmStatus.COMPLETED) -> SwarmStatus:
        """Have done with a swarm: it takes no more tasks, and is archived once it has ended.

        With the outcome `completed` what is under way comes to its end; with any other what has
        not ended is cancelled, for that reason. Safe to repeat: the first outcome stands. Gives
        the status it has now. Raises `SwarmNotFound`.
        """
        found = await self.store.registry.swarm(SwarmId(swarm))
        if found.status not in ENDED:
            is_done = outcome == SwarmStatus.COMPLETED
            move = SwarmMove.SEAL if is_done else SwarmMove.CANCEL
            [answer] = await self.store.work.steer(
                [Order(swarm=found.id, move=move, reason=outcome, command=f"leave/{swarm}")]
            )
            if isinstance(answer, SkepError) and not isinstance(answer, IllegalMove):
                raise answer  # one that ended meanwhile is where it shall be
        [marked] = await self.store.directory.deregister([found.id], outcome)
        if isinstance(marked, SkepError):
            raise marked
        return (await self.store.registry.swarm(found.id)).status

    async def statistics(self) -> Statistics:
        """Read what the fleet comes to now."""
        return await self.store.directory.statistics()

    async def _light(self, plan: Plan, written: Sequence[str]) -> tuple[TaskSpec, ...]:
        return tuple(
            [
                task if len(text) <= SURELY_LIGHT_CHARS else await light(task, self.store.blobs)
                for task, text in zip(plan.tasks, written, strict=True)
            ]
        )

    async def _with_charter(
        self, request: SwarmRequest, plan: Plan, team: Sequence[str]
    ) -> SwarmRequest:
        roles = sorted(
            {task.agent for task in plan.tasks if task.kind is AgentKind.LLM}.union(team)
        )
        if not roles or request.model is None:
            return request
        charter = self.draw_charter(request.model, roles)
        if is_to_draft(plan) and not (planner := charter.roles[PLANNER_AGENT]).drafts:
            raise AgentFileInvalid(
                path=planner.source, reason=f"the role {planner.name!r} needs `drafts: true`"
            )
        is_in_dollars = request.budget is not None and request.budget.nano_usd is not None
        if is_in_dollars and (model := self.unpriced(charter)):
            raise PriceUnknown(model=model)
        (digest,) = await self.store.blobs.put([charter_bytes(charter)])
        return replace(request, charter=digest)
