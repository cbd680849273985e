"""The hive's front: submit swarms, take hold of them, and find them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from typing_extensions import Unpack, override

from skep.hive.configuration import Asked, request_of
from skep.hive.coordination import Coordination
from skep.hive.deciding import decide
from skep.hive.handle import SwarmHandle, reply_of
from skep.hive.orders import give
from skep.hive.placing import distribute
from skep.hive.planner import Planner, draft
from skep.records.approval import Approval, ApprovalState, Verdict
from skep.records.command import Order
from skep.records.errors import SkepError
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef
from skep.records.letter import DeadLetter
from skep.records.placement import Distribution, Placed, Placement
from skep.records.role import OFFLINE
from skep.records.swarm import (
    Plan,
    Swarm,
    SwarmMove,
    SwarmStatus,
)
from skep.records.task import TaskSpec
from skep.records.values import Json


class Fleet(Coordination):
    """All swarms of one store: an async context manager, or open between its two calls.

    Any number of processes may open the same fleet. The calls of the seed's coordination system are
    those of `Coordination`.
    """

    async def submit(
        self,
        objective: str,
        plan: Plan | Sequence[TaskSpec] | Planner | None = None,
        *,
        given: Json = None,
        queue: str | None = None,
        swarm: str | None = None,
        **asked: Unpack[Asked],
    ) -> SwarmHandle:
        """Register a swarm; without a plan the planner drafts one from the objective.

        A language model drafts its plan itself, in the swarm's first task, and the offline model
        has templates; a `Planner` in place of a plan says which. `given` is the input of the
        drafted plan's tasks, `queue` the queue that all tasks go to.
        `swarm` is the swarm's id, which makes the call safe to repeat; one is made up if none is
        given. What else may be asked are the fields of `SwarmRequest`, and what it may spend on
        models: `budget_usd`, `budget_tokens`, `budget_requests`. A tenth of each is kept for the
        last tasks of the plan.

        Raises `ObjectiveNotServed`, `PlanRefused` and its kinds, `CommandConflict`, `AgentUnknown`,
        `PriceUnknown` or a `ModelError`; then no swarm was stored.
        """
        request = request_of(objective, **asked)
        if plan is None or isinstance(plan, Planner):
            plan = draft(objective, model=request.model or OFFLINE, given=given, planner=plan)
        elif not isinstance(plan, Plan):
            plan = Plan(tasks=tuple(plan))
        if queue is not None:
            plan = replace(plan, tasks=tuple(replace(task, queue=queue) for task in plan.tasks))
        return self.swarm(await self.registry.register(request, plan, swarm=swarm))

    async def distribute(
        self,
        task: TaskSpec,
        *,
        placement: Placement = Placement.LEAST_LOADED,
        needs: Sequence[str] = (),
        by: str = "",
        command: str | None = None,
    ) -> Placed:
        """Add a task to the open swarm that fits best, and say which and why.

        The same `command` again places nothing twice. With `Placement.CAPABILITY` only a swarm that
        declared all of `needs` is chosen. Raises `NoSwarmFits`, `PlanRefused` and its kinds, or
        `CommandConflict`.
        """
        named = command or self.registry.chance.uuid()
        asked = Distribution(
            command=named, task=task, placement=placement, needs=frozenset(needs), by=by
        )
        return await distribute(self.store, asked)

    @override
    def swarm(self, swarm: str) -> SwarmHandle:
        """Take hold of a swarm by its id; that it exists shows at the first question."""
        return SwarmHandle(SwarmId(swarm), self.store, self.registry.chance)

    async def swarms(
        self, *, status: SwarmStatus | None = None, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """List swarms, youngest first; `before` pages on from the last one seen."""
        return await self.store.registry.swarms(status=status, before=before, limit=limit)

    async def dead_letters(
        self, *, swarm: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """List the tasks that failed, of all swarms or one, newest first.

        `before` is the `cursor` of the last one seen, and pages on from it.
        """
        whose = SwarmId(swarm) if swarm is not None else None
        return await self.store.registry.dead_letters(swarm=whose, before=before, limit=limit)

    async def replay(
        self, letters: Sequence[TaskRef], reason: str = "", *, command: str | None = None
    ) -> Mapping[SwarmId, SwarmStatus | SkepError]:
        """Open the next run of dead letters of any swarms, and of what follows them.

        Each swarm is asked by itself, all its letters or none: the answer has its status, or why
        it was refused. The same `command` again with the same letters changes nothing.
        """
        named = command or self.registry.chance.uuid()
        meant: dict[SwarmId, list[TaskKey]] = {}
        for ref in letters:
            meant.setdefault(ref.swarm, []).append(ref.key)
        orders = [
            Order(
                swarm=swarm,
                move=SwarmMove.REOPEN,
                tasks=tuple(dict.fromkeys(keys)),
                reason=reason,
                is_replay=True,
                command=f"{named}/{swarm}",
            )
            for swarm, keys in meant.items()
        ]
        return dict(zip(meant, await give(self.store, orders), strict=True))

    async def approvals(
        self,
        *,
        swarm: str | None = None,
        state: ApprovalState | None = ApprovalState.PENDING,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Approval]:
        """List what tasks ask people, newest first: what is pending, or any state with None.

        `before` is the id of the last one seen, to page on from. Raises `ApprovalNotFound` for it.
        """
        return await self.store.approvals.find(
            swarm=SwarmId(swarm) if swarm is not None else None,
            state=state,
            before=ApprovalId(before) if before is not None else None,
            limit=limit,
        )

    async def approve(self, approval: str, *, by: str, reason: str = "") -> Approval:
        """Approve what a task asks for, which lets it go on; `by` says who decides.

        Approved already, it stays so. Raises `AlreadyDecided`, `ApprovalWithdrawn` or
        `ApprovalNotFound`.
        """
        return await decide(self.store, reply_of(approval, Verdict.APPROVED, by=by, reason=reason))

    async def deny(self, approval: str, *, by: str, reason: str = "") -> Approval:
        """Deny what a task asks for, which lets it go on without; otherwise as `approve`."""
        return await decide(self.store, reply_of(approval, Verdict.DENIED, by=by, reason=reason))
