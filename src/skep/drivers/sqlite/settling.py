"""Outcomes come back: one judgement, one move, the edges it meets, and perhaps the swarm's end."""

from skep.drivers.sqlite.approving import wait_for
from skep.drivers.sqlite.changes import Changes, Column
from skep.drivers.sqlite.holdings import missing, refer
from skep.drivers.sqlite.lines import TaskLine
from skep.policy.fencing import judge
from skep.policy.references import of_outcome
from skep.records.event import Remark
from skep.records.outcome import (
    Blocked,
    Failed,
    Retried,
    Settlement,
    SettleVerdict,
    Snoozed,
    Succeeded,
    move_of,
    reason_of,
)
from skep.records.task import TERMINAL


def settle(changes: Changes, settlement: Settlement) -> SettleVerdict:
    """Store what became of one attempt, once."""
    line = changes.find_task(settlement.token.ref)
    held = changes.held(line) if line else None
    digest = settlement.digest
    verdict = judge(held, settlement.token, digest)
    contents = of_outcome(settlement.outcome)
    if verdict is SettleVerdict.OK and missing(changes, contents):
        return SettleVerdict.FENCED
    if line is not None and verdict is SettleVerdict.OK:
        refer(changes, line.swarm, contents)
        _store_outcome(changes, line, settlement, spent=digest)
    elif line is not None and verdict is SettleVerdict.LATE:
        changes.set(line, spent=digest)
        sheet, data = changes.sheet(line.swarm), settlement.told_text
        changes.tell(sheet, Remark.LATE_RESULT, task=line.key, data=data)
    return verdict


def _store_outcome(changes: Changes, line: TaskLine, settlement: Settlement, *, spent: str) -> None:
    outcome = settlement.outcome
    columns: dict[str, Column] = {"spent": spent, "reason": reason_of(outcome)}
    if isinstance(outcome, Retried | Snoozed):
        columns["wake_at"] = outcome.wake_at
    if isinstance(outcome, Retried | Failed):
        columns["failures"] = line.failures + 1
    if isinstance(outcome, Succeeded):
        changes.outcomes.append((line.n, outcome.text))
        _keep_artifacts(changes, line, outcome)
    changes.move(line, move_of(outcome), told=settlement.told_text, **columns)
    if isinstance(outcome, Blocked):
        wait_for(changes, line, outcome.awaits)
    if line.status in TERMINAL:
        if line.has_open_edges:
            changes.consume_edges(line)
        changes.end_if_over(changes.sheet(line.swarm))


def _keep_artifacts(changes: Changes, line: TaskLine, outcome: Succeeded) -> None:
    rows = [
        (line.n, artifact.name, artifact.media_type, artifact.digest, artifact.size_bytes)
        for artifact in outcome.artifacts
    ]
    changes.db.run_many("INSERT OR REPLACE INTO artifact VALUES (?, ?, ?, ?, ?)", rows)
