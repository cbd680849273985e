"""One swarm as this process holds it: its state, events and results, and how it is steered."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, TypedDict

from typing_extensions import Unpack

from skep.agent.attempt import full_value
from skep.agent.spawning import add_all
from skep.hive.deciding import decide
from skep.hive.orders import Ordered, give
from skep.hive.report import gather, sinks, written
from skep.policy.endings import is_stalled, rests
from skep.policy.plans import body_of
from skep.ports.store import Store
from skep.ports.system import Chance
from skep.records.approval import Approval, ApprovalState, Reply, Verdict
from skep.records.command import Addition, Order
from skep.records.errors import SkepError, SwarmNotCompleted
from skep.records.event import Cursor, Event
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef
from skep.records.outcome import Artifact
from skep.records.purse import NANO, UNLIMITED, Budget
from skep.records.swarm import (
    Swarm,
    SwarmMove,
    SwarmStatus,
)
from skep.records.task import Task, TaskMove, TaskSpec
from skep.records.told import Told
from skep.records.values import Json, digest_of

FOLLOW_PATIENCE_S: Final = 30.0
UNDER_WAY: Final = frozenset({TaskMove.CLAIM, TaskMove.RELEASE, TaskMove.WAKE})
"""With one of these a task is ready or runs: a swarm that told of nothing since is not at rest."""

APPROVALS_MAX: Final = 1_000
"""Approvals of one swarm that are listed at once."""


class Spending(TypedDict, total=False):
    """What a swarm may spend; None and nothing do not limit."""

    budget_usd: float | None
    budget_tokens: int | None
    budget_requests: int | None


class SwarmHandle:
    """One swarm: its state, events, results, and the ways to steer it."""

    def __init__(self, swarm: SwarmId, store: Store, chance: Chance) -> None:
        self.id = swarm
        self._store = store
        self._chance = chance

    async def state(self) -> Swarm:
        """Read the swarm. Raises `SwarmNotFound`."""
        return await self._store.registry.swarm(self.id)

    async def tasks(self) -> Sequence[Task]:
        """Read its tasks in the order of the plan."""
        return await self._store.registry.tasks(self.id)

    async def events(self, *, after: int = 0, follow: bool = True) -> AsyncIterator[Event]:
        """Give its events in order, from the one after `after`.

        Following, it ends with the swarm, when every task left waits to be retried by a person, or
        when its purse has paused it; through a wait for approvals it goes on. Else it ends with the
        last event there is. At least once for a caller that keeps the last seq it has seen.
        """
        cursor = Cursor(incarnation="", swarm=self.id, seq=after)
        last, is_paused = "", False
        while True:
            may_rest = is_paused or last not in UNDER_WAY
            is_over = not follow or (may_rest and await self._is_at_rest(await self.state()))
            patience_s = 0.0 if is_over else FOLLOW_PATIENCE_S
            page = await self._store.log.read(cursor, patience_s=patience_s)
            cursor = page.cursor
            last = last if page.events and not page.gap else ""
            for event in page.events:
                last = event.kind
                is_paused = last == SwarmMove.PAUSE or (is_paused and last != SwarmMove.RESUME)
                yield event
            if is_over and not page.events:
                return

    async def result(self) -> Json:
        """Wait for the end, and give what the last task came to, or all of them by key.

        Approvals are waited for. Raises `SwarmNotCompleted` when the swarm failed, was cancelled,
        has a task that only a retry by a person brings on, or an empty purse.
        """
        swarm = await self._rested()
        if swarm.status is not SwarmStatus.COMPLETED:
            why = f": {swarm.reason.rstrip('.')}" if swarm.reason else ""
            raise SwarmNotCompleted(
                f"Swarm {self.id} is {swarm.status}{why}.", hint=f"See `skep swarm show {self.id}`."
            )
        values: dict[str, Json] = {
            task.ref.key: await full_value(task, self._store) for task in sinks(await self.tasks())
        }
        return next(iter(values.values())) if len(values) == 1 else values

    async def report(self) -> str:
        """Write the report of what there is so far, in Markdown."""
        return written(await gather(self._store, self.id))

    async def approvals(
        self, *, state: ApprovalState | None = ApprovalState.PENDING
    ) -> Sequence[Approval]:
        """List what its tasks ask people, newest first; the newest thousand."""
        found = self._store.approvals.find
        return await found(swarm=self.id, state=state, limit=APPROVALS_MAX)

    async def approve(self, approval: str, *, by: str, reason: str = "") -> Approval:
        """Approve what a task asks for; as `Fleet.approve`."""
        return await decide(self._store, reply_of(approval, Verdict.APPROVED, by=by, reason=reason))

    async def deny(self, approval: str, *, by: str, reason: str = "") -> Approval:
        """Deny what a task asks for; as `Fleet.deny`."""
        return await decide(self._store, reply_of(approval, Verdict.DENIED, by=by, reason=reason))

    async def artifacts(self) -> Sequence[tuple[TaskRef, Artifact]]:
        """List what its tasks left behind."""
        return await self._store.registry.artifacts(self.id)

    async def read(self, artifact: Artifact) -> bytes:
        """Read an artefact's content."""
        return await self._store.blobs.get(artifact.digest)

    async def add(self, tasks: Sequence[TaskSpec], *, command: str) -> None:
        """Add tasks to an open plan; the same `command` again adds nothing twice.

        As many as the plan may have: more than 256 go in by pieces, those that wait for others
        after them. Repeated after a failure it adds the pieces that are not there yet.

        Raises `SwarmClosed`, `CommandConflict`, or `PlanRefused` and its kinds.
        """
        digest = digest_of(body_of(tasks))
        addition = Addition(command=command, digest=digest, swarm=self.id, tasks=tuple(tasks))
        await add_all(self._store, addition)

    async def pause(self, reason: str = "", *, command: str | None = None) -> SwarmStatus:
        """Grant no more tasks; what runs is handed back within a heartbeat.

        As with every order, the same `command` again changes nothing and answers the status as it
        is now; one is made up if none is given. Raises `SwarmNotFound`, `IllegalMove`,
        `CommandConflict`, or `StoreUnavailable`: then it is safe to repeat under its command.
        """
        return await self._steer(SwarmMove.PAUSE, command, reason=reason)

    async def interrupt(self, reason: str = "", *, command: str | None = None) -> SwarmStatus:
        """Mark the swarm as left unfinished; `resume` goes on."""
        return await self._steer(SwarmMove.INTERRUPT, command, reason=reason)

    async def resume(self, reason: str = "", *, command: str | None = None) -> SwarmStatus:
        """Go on where it was, with failures forgiven and the time-out begun anew."""
        return await self._steer(SwarmMove.RESUME, command, reason=reason)

    async def cancel(self, reason: str = "", *, command: str | None = None) -> SwarmStatus:
        """End the swarm and every task that has not ended."""
        return await self._steer(SwarmMove.CANCEL, command, reason=reason)

    async def retry(
        self, tasks: Sequence[TaskKey] = (), reason: str = "", *, command: str | None = None
    ) -> SwarmStatus:
        """Open the next run of these tasks, or of all that did not succeed, and what follows."""
        return await self._steer(SwarmMove.REOPEN, command, tasks=tuple(tasks), reason=reason)

    async def replay(
        self, tasks: Sequence[TaskKey] = (), reason: str = "", *, command: str | None = None
    ) -> SwarmStatus:
        """Open the next run of these dead letters, or of all of the swarm, and what follows.

        Raises `TaskNotDead` for a task that did not fail, `Conflict` when none did.
        """
        return await self._steer(
            SwarmMove.REOPEN, command, tasks=tuple(tasks), reason=reason, is_replay=True
        )

    async def cap(
        self, max_agents: int, reason: str = "", *, command: str | None = None
    ) -> SwarmStatus:
        """Let at most so many of its tasks run at once from now on.

        More start at once when it is raised. When it is lowered, what runs goes on, and nothing
        is granted until fewer run. Raises `LimitExceeded`.
        """
        return await self._steer(SwarmMove.CAP, command, reason=reason, max_agents=max_agents)

    async def raise_budget(
        self, reason: str = "", *, command: str | None = None, **limits: Unpack[Spending]
    ) -> SwarmStatus:
        """Set the limits that are named; a swarm that was paused by its purse goes on.

        Other limits stay as they are. Raises `InvalidInput` when none is named.
        """
        budget = budget_of(**limits) or UNLIMITED
        return await self._steer(SwarmMove.RAISE, command, reason=reason, budget=budget)

    async def finish(self, reason: str = "", *, command: str | None = None) -> SwarmStatus:
        """Have the swarm finish with what there is: only the last tasks of its plan run.

        All that another task waits for is cancelled. A swarm paused by its purse goes on.
        """
        return await self._steer(SwarmMove.CUT_SHORT, command, reason=reason)

    async def tell(
        self, text: str, *, task: str | None = None, by: str = "", command: str | None = None
    ) -> SwarmStatus:
        """Have its agents hear a message at their next turn, or those of one task alone.

        What starts later hears it at its first turn; `by` says whose words they are. Raises
        `SwarmClosed` when the swarm has ended, `TaskNotFound`, `InvalidInput` for a message
        without words, or `LimitExceeded` for one that is too long or one too many.
        """
        tasks = (TaskKey(task),) if task is not None else ()
        return await self._steer(SwarmMove.TELL, command, tasks=tasks, text=text, by=by)

    async def told(self) -> Sequence[Told]:
        """List what it was told, oldest first."""
        return await self._store.registry.told(self.id)

    async def seal(self, *, command: str | None = None) -> SwarmStatus:
        """Close an open plan; the swarm completes when its tasks have ended."""
        return await self._steer(SwarmMove.SEAL, command)

    async def _steer(
        self, move: SwarmMove, command: str | None, **asked: Unpack[Ordered]
    ) -> SwarmStatus:
        named = command or self._chance.uuid()
        order = Order(swarm=self.id, move=move, command=named, **asked)
        (answer,) = await give(self._store, [order])
        if isinstance(answer, SkepError):
            raise answer
        return answer

    async def _rested(self) -> Swarm:
        """Wait until the events would end, and read the swarm."""
        while True:
            swarm = await self._store.registry.rest(self.id, patience_s=FOLLOW_PATIENCE_S)
            if await self._is_at_rest(swarm):
                return swarm
            if rests(swarm):  # for an approval: it is at rest until somebody decides
                seen = Cursor(incarnation="", swarm=self.id, seq=swarm.last_seq)
                await self._store.log.read(seen, patience_s=FOLLOW_PATIENCE_S)

    async def _is_at_rest(self, swarm: Swarm) -> bool:
        """Say whether a swarm is at rest, and waits for no approval."""
        if not rests(swarm) or not is_stalled(swarm.counts):
            return rests(swarm)
        return not any(task.awaits for task in await self.tasks())


def budget_of(**limits: Unpack[Spending]) -> Budget | None:
    """Write limits as a budget; None when there is none."""
    usd = limits.get("budget_usd")
    budget = Budget(
        requests=limits.get("budget_requests"),
        tokens=limits.get("budget_tokens"),
        nano_usd=round(usd * NANO) if usd is not None else None,
    )
    return budget if budget != UNLIMITED else None


def reply_of(approval: str, verdict: Verdict, *, by: str, reason: str) -> Reply:
    """Write what somebody decides."""
    return Reply(approval=ApprovalId(approval), verdict=verdict, by=by, reason=reason)
