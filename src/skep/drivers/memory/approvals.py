"""The memory store's questions to people: asked, decided, expired, and read."""

from collections.abc import Sequence
from dataclasses import replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import Tables, TaskRow
from skep.policy.approving import (
    ask_answer,
    asked,
    asked_as,
    asked_told,
    decided,
    decided_told,
    decision_of,
    expiry_of,
    is_due,
    judge_ask,
    judge_reply,
    seen,
    step_value,
)
from skep.policy.bounds import check_asks, check_replies
from skep.policy.fencing import is_current
from skep.policy.journaling import step_told
from skep.records.approval import (
    Approval,
    ApprovalState,
    Ask,
    AskAnswer,
    AskVerdict,
    Decision,
    Reply,
    ReplyVerdict,
)
from skep.records.errors import ApprovalNotFound, SkepError
from skep.records.event import Remark
from skep.records.ids import ApprovalId, SwarmId
from skep.records.step import StepState
from skep.records.task import TaskMove, TaskStatus


class MemoryApprovals:
    """Questions to people."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(self, asks: Sequence[Ask]) -> Sequence[AskAnswer]:
        """See `ports.store.Approvals.ask`."""
        check_asks(asks)
        with self._desk.change() as changes:
            return [_ask(changes, each) for each in asks]

    async def decide(self, replies: Sequence[Reply]) -> Sequence[ReplyVerdict | SkepError]:
        """See `ports.store.Approvals.decide`."""
        check_replies(replies)
        with self._desk.change() as changes:
            return [_decide(changes, each) for each in replies]

    async def read(self, ids: Sequence[ApprovalId]) -> Sequence[Approval]:
        """See `ports.store.Approvals.read`."""
        with self._desk.look() as tables:
            return [_read(tables, each) for each in ids]

    async def find(
        self,
        *,
        swarm: SwarmId | None = None,
        state: ApprovalState | None = None,
        before: ApprovalId | None = None,
        limit: int = 50,
    ) -> Sequence[Approval]:
        """See `ports.store.Approvals.find`."""
        with self._desk.look() as tables:
            if before is not None:
                _read(tables, before)
            ids = list(tables.approvals)
            older = ids if before is None else ids[: ids.index(before)]
            found = [
                approval
                for approval in (_read(tables, each) for each in reversed(older))
                if (swarm is None or approval.ref.swarm == swarm)
                and (state is None or approval.state is state)
            ]
            return found[:limit]


def every_approval(tables: Tables) -> list[Approval]:
    """Read all questions, the oldest first."""
    return [_read(tables, each) for each in tables.approvals]


def wait_for(changes: Changes, task: TaskRow, awaits: Sequence[ApprovalId]) -> None:
    """Let a blocked task wait for its own questions; one that is decided already wakes it."""
    known = [changes.tables.approvals[each] for each in awaits if each in changes.tables.approvals]
    own = [each for each in known if (each.ref, each.run) == (task.ref, task.run)]
    task.awaits = tuple(each.id for each in own)
    if any(each.decision is not None for each in own):
        changes.move(task, TaskMove.WAKE)


def expire(changes: Changes, limit: int) -> int:
    """Decide up to `limit` questions whose time is over; returns how many."""
    open_ones = every_approval(changes.tables)
    due = [each for each in open_ones if is_due(each, now=changes.at)]
    due.sort(key=lambda approval: (approval.expires_at or 0.0, approval.id))
    for approval in due[:limit]:
        _conclude(changes, approval, expiry_of(at=changes.at))
    return len(due[:limit])


def _read(tables: Tables, approval: ApprovalId) -> Approval:
    try:
        stored = tables.approvals[approval]
    except KeyError:
        raise ApprovalNotFound(approval=approval) from None
    task = tables.task(stored.ref)
    return seen(stored, run=task.run, status=task.status)


def _ask(changes: Changes, ask: Ask) -> AskAnswer:
    tables, token = changes.tables, ask.token
    task = tables.find(token.ref)
    current = task is not None and is_current(tables.held(task), token)
    line = tables.steps(token.swarm, token.task, token.run)
    approval = tables.approvals.get(asked_as(ask))
    verdict = judge_ask(approval, ask, current=current, steps=len(line))
    if approval is None and verdict is AskVerdict.ASKED:
        approval, step = asked(ask, at=changes.at)
        tables.approvals[approval.id] = approval
        tables.journal.setdefault((token.swarm, token.task, token.run), {})[step.key] = step
        data = asked_told(approval)
        changes.tell(tables.swarms[token.swarm], Remark.APPROVAL_ASKED, task=token.task, data=data)
    return ask_answer(verdict, approval)


def _decide(changes: Changes, reply: Reply) -> ReplyVerdict | SkepError:
    tables = changes.tables
    approval = _read(tables, reply.approval) if reply.approval in tables.approvals else None
    if approval is not None and is_due(approval, now=changes.at):
        approval = _conclude(changes, approval, expiry_of(at=changes.at))
    verdict = judge_reply(approval, reply)
    if approval is not None and verdict is ReplyVerdict.OK:
        _conclude(changes, approval, decision_of(reply, at=changes.at))
    return verdict


def _conclude(changes: Changes, approval: Approval, decision: Decision) -> Approval:
    """Store a decision with its step, and wake the task that waits for it."""
    swarm, task = changes.tables.swarms[approval.ref.swarm], changes.tables.task(approval.ref)
    changes.tables.approvals[approval.id] = approval = decided(approval, decision)
    line = changes.tables.journal[approval.ref.swarm, approval.ref.key, approval.run]
    value = step_value(decision.verdict, by=decision.by, reason=decision.reason)
    step = replace(line[approval.key], state=StepState.RECORDED, value=value)
    line[step.key] = step
    key, data = approval.ref.key, decided_told(approval, decision)
    changes.tell(swarm, Remark.STEP_RECORDED, task=key, data=step_told(step))
    changes.tell(swarm, Remark.APPROVAL_DECIDED, task=key, data=data)
    if task.status is TaskStatus.BLOCKED and approval.id in task.awaits:
        changes.move(task, TaskMove.WAKE)
    return approval
