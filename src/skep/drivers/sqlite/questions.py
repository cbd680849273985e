"""Reading questions to people from their rows, as they stand by their tasks now."""

from collections.abc import Sequence

from skep.drivers.sqlite.db import Column, Db, Row
from skep.policy.approving import seen
from skep.records.approval import Approval, ApprovalState, Decision, Verdict
from skep.records.errors import ApprovalNotFound
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef
from skep.records.task import TaskStatus
from skep.records.values import Digest, parsed

QUESTIONS = (
    "SELECT a.id, s.id, t.key, a.run, a.key, a.fingerprint, a.question, a.detail, a.asked_at,"
    " a.expires_at, a.state, a.decided_by, a.reason, a.decided_at, t.run, t.status"
    " FROM approval a JOIN task t ON t.n = a.task JOIN swarm s ON s.n = t.swarm"
)
IS_OVER = "(t.run <> a.run OR t.status IN ('succeeded', 'failed', 'cancelled'))"
STATES = {
    ApprovalState.PENDING: f"a.state = 'pending' AND NOT {IS_OVER}",
    ApprovalState.APPROVED: "a.state = 'approved'",
    ApprovalState.DENIED: "a.state = 'denied'",
    ApprovalState.EXPIRED: "a.state = 'expired'",
    ApprovalState.WITHDRAWN: f"a.state = 'pending' AND {IS_OVER}",
}


def one(db: Db, approval: ApprovalId) -> Approval | None:
    """Read a question, or None."""
    row = db.row(f"{QUESTIONS} WHERE a.id = ?", (approval,))
    return approval_of(row) if row else None


def some(db: Db, ids: Sequence[ApprovalId]) -> list[Approval]:
    """Read some questions in the order asked for; raises `ApprovalNotFound`."""
    return [_known(db, each) for each in ids]


def every(db: Db) -> list[Approval]:
    """Read all questions, the oldest first."""
    return [approval_of(row) for row in db.rows(f"{QUESTIONS} ORDER BY a.n")]


def page(
    db: Db,
    *,
    swarm: SwarmId | None,
    state: ApprovalState | None,
    before: ApprovalId | None,
    limit: int,
) -> list[Approval]:
    """Read questions, the newest first; raises `ApprovalNotFound` for `before`."""
    wanted, values = ["1"], list[Column]()
    if before is not None:
        wanted.append("a.n < (SELECT n FROM approval WHERE id = ?)")
        values.append(_known(db, before).id)
    if swarm is not None:
        wanted.append("s.id = ?")
        values.append(swarm)
    if state is not None:
        wanted.append(STATES[state])
    sql = f"{QUESTIONS} WHERE {' AND '.join(wanted)} ORDER BY a.n DESC LIMIT ?"
    return [approval_of(row) for row in db.rows(sql, (*values, limit))]


def approval_of(row: Row) -> Approval:
    """Read a row of `QUESTIONS`."""
    state = ApprovalState(row[10])
    decision = (
        Decision(verdict=Verdict(state), by=row[11], reason=row[12], at=row[13])
        if state is not ApprovalState.PENDING
        else None
    )
    stored = Approval(
        id=ApprovalId(row[0]),
        ref=TaskRef(swarm=SwarmId(row[1]), key=TaskKey(row[2])),
        run=row[3],
        key=row[4],
        fingerprint=Digest(row[5]),
        question=row[6],
        detail=parsed(row[7]),
        asked_at=row[8],
        expires_at=row[9],
        state=state,
        decision=decision,
    )
    return seen(stored, run=row[14], status=TaskStatus(row[15]))


def _known(db: Db, approval: ApprovalId) -> Approval:
    found = one(db, approval)
    if found is None:
        raise ApprovalNotFound(approval=approval)
    return found
