"""Questions are put, decided and run out, in rows; a decision wakes the task that waits for it."""

from collections.abc import Sequence

from skep.drivers.sqlite import questions
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.lines import TaskLine, awaits_of
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
    step_value,
)
from skep.policy.fencing import is_current
from skep.records.approval import (
    Approval,
    Ask,
    AskAnswer,
    AskVerdict,
    Decision,
    Reply,
    ReplyVerdict,
)
from skep.records.errors import SkepError
from skep.records.event import Remark
from skep.records.ids import ApprovalId
from skep.records.step import Step
from skep.records.task import TaskMove, TaskStatus
from skep.records.values import Json, canonical


def ask(changes: Changes, asking: Ask) -> AskAnswer:
    """Put one question, or find it."""
    line = changes.find_task(asking.token.ref)
    if line is None:
        return AskAnswer(verdict=AskVerdict.FENCED)
    current = is_current(changes.held(line), asking.token)
    approval = questions.one(changes.db, asked_as(asking))
    steps = 0
    if approval is None:
        sql = "SELECT count(*) FROM step WHERE task = ? AND run = ?"
        steps = int(changes.db.value(sql, (line.n, asking.token.run)))
    verdict = judge_ask(approval, asking, current=current, steps=steps)
    if approval is None and verdict is AskVerdict.ASKED:
        approval, step = asked(asking, at=changes.at)
        _put(changes, line, approval, step=step)
    return ask_answer(verdict, approval)


def decide(changes: Changes, reply: Reply) -> ReplyVerdict | SkepError:
    """Make one reply the decision, if it is the first."""
    approval = questions.one(changes.db, reply.approval)
    if approval is not None and is_due(approval, now=changes.at):
        approval = _conclude(changes, approval, expiry_of(at=changes.at))
    verdict = judge_reply(approval, reply)
    if approval is not None and verdict is ReplyVerdict.OK:
        _conclude(changes, approval, decision_of(reply, at=changes.at))
    return verdict


def wait_for(changes: Changes, line: TaskLine, awaits: Sequence[ApprovalId]) -> None:
    """Let a blocked task wait for its own questions; one that is decided already wakes it."""
    sql = "SELECT id, state FROM approval WHERE id = ? AND task = ? AND run = ?"
    rows = [changes.db.row(sql, (each, line.n, line.run)) for each in awaits]
    own = [row for row in rows if row is not None]
    changes.set(line, awaits=canonical([row[0] for row in own]))
    if any(row[1] != "pending" for row in own):
        changes.move(line, TaskMove.WAKE, told={})


def expire(changes: Changes, *, limit: int) -> int:
    """Decide up to `limit` questions whose time is over; returns how many."""
    sql = (
        f"{questions.QUESTIONS} WHERE a.state = 'pending' AND a.expires_at <= ?"
        f" AND NOT {questions.IS_OVER} ORDER BY a.expires_at, a.id LIMIT ?"
    )
    due = [questions.approval_of(row) for row in changes.db.rows(sql, (changes.at, limit))]
    for approval in due:
        _conclude(changes, approval, expiry_of(at=changes.at))
    return len(due)


def _put(changes: Changes, line: TaskLine, approval: Approval, *, step: Step) -> None:
    changes.db.run(
        "INSERT INTO approval (id, task, run, key, fingerprint, question, detail, asked_at,"
        " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            approval.id,
            line.n,
            approval.run,
            approval.key,
            approval.fingerprint,
            approval.question,
            canonical(approval.detail),
            approval.asked_at,
            approval.expires_at,
        ),
    )
    changes.db.run(
        "INSERT INTO step (task, run, key, fingerprint, effect, state, intent, calls)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            line.n,
            step.run,
            step.key,
            step.fingerprint,
            step.effect,
            step.state,
            step.intent,
            step.calls,
        ),
    )
    sheet, told = changes.sheet(line.swarm), asked_told(approval)
    changes.tell(sheet, Remark.APPROVAL_ASKED, task=line.key, data=told)


def _conclude(changes: Changes, approval: Approval, decision: Decision) -> Approval:
    """Store a decision with its step, and wake the task that waits for it."""
    (line,) = changes.lines("n = (SELECT task FROM approval WHERE id = ?)", (approval.id,))
    value = step_value(decision.verdict, by=decision.by, reason=decision.reason)
    changes.db.run(
        "UPDATE approval SET state = ?, decided_by = ?, reason = ?, decided_at = ? WHERE id = ?",
        (decision.verdict, decision.by, decision.reason, decision.at, approval.id),
    )
    changes.db.run(
        "UPDATE step SET state = 'recorded', value = ? WHERE task = ? AND run = ? AND key = ?",
        (value, line.n, approval.run, approval.key),
    )
    _tell(changes, line, approval, decision=decision)
    awaits = awaits_of(changes.db.value("SELECT awaits FROM task WHERE n = ?", (line.n,)))
    if line.status is TaskStatus.BLOCKED and approval.id in awaits:
        changes.move(line, TaskMove.WAKE, told={})
    return decided(approval, decision)


def _tell(changes: Changes, line: TaskLine, approval: Approval, *, decision: Decision) -> None:
    sheet = changes.sheet(line.swarm)
    step: dict[str, Json] = {"key": approval.key, "effect": "once", "calls": 1}
    changes.tell(sheet, Remark.STEP_RECORDED, task=line.key, data=step)
    data = decided_told(approval, decision)
    changes.tell(sheet, Remark.APPROVAL_DECIDED, task=line.key, data=data)
