"""Intents and results in rows."""

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.holdings import missing, refer
from skep.drivers.sqlite.lines import STEP_SEEN, TaskLine, step_of
from skep.policy.fencing import is_current
from skep.policy.journaling import is_new_call, judge_intent, judge_record, opened, step_told
from skep.policy.references import of_entry
from skep.records.event import Remark
from skep.records.step import Entry, Intent, Record, Step, StepAnswer, StepState, StepVerdict
from skep.records.values import Json


def write(changes: Changes, entry: Entry) -> StepAnswer:
    """Store one intent or result."""
    line = changes.find_task(entry.token.ref)
    if line is None or entry.token.incarnation != changes.incarnation:
        return StepAnswer(verdict=StepVerdict.FENCED)
    step = _find(changes, line, entry)
    current = is_current(changes.held(line), entry.token)
    if isinstance(entry, Intent):
        return _open(changes, line, step, intent=entry, current=current)
    return _record(changes, line, step, record=entry, current=current)


def _find(changes: Changes, line: TaskLine, entry: Entry) -> Step | None:
    sql = f"SELECT {STEP_SEEN} FROM step WHERE task = ? AND run = ? AND key = ?"
    row = changes.db.row(sql, (line.n, entry.token.run, entry.key))
    return step_of(entry.token.ref, entry.token.run, row) if row else None


def _open(
    changes: Changes, line: TaskLine, step: Step | None, *, intent: Intent, current: bool
) -> StepAnswer:
    steps = _steps(changes, line, intent) if step is None else 0
    verdict = judge_intent(step, intent, current=current, steps=steps)
    if verdict is StepVerdict.OPENED and is_new_call(step, intent):
        _let_out(changes, line, opened(step, intent), is_first=step is None)
    elif verdict is StepVerdict.UNKNOWN and step and step.state is StepState.OPEN:
        _set(changes, line, step, state=StepState.UNKNOWN, value=None)
        told: dict[str, Json] = {"key": intent.key}
        changes.tell(changes.sheet(line.swarm), Remark.STEP_UNKNOWN, task=line.key, data=told)
    value = step.value if step and verdict is StepVerdict.FOUND else None
    return StepAnswer(verdict=verdict, value=value)


def _steps(changes: Changes, line: TaskLine, intent: Intent) -> int:
    sql = "SELECT count(*) FROM step WHERE task = ? AND run = ?"
    return int(changes.db.value(sql, (line.n, intent.token.run)))


def _let_out(changes: Changes, line: TaskLine, step: Step, *, is_first: bool) -> None:
    if is_first:
        sql = (
            "INSERT INTO step (calls, intent, task, run, key, fingerprint, effect, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        rest = (step.fingerprint, step.effect, step.state)
    else:
        sql = "UPDATE step SET calls = ?, intent = ? WHERE task = ? AND run = ? AND key = ?"
        rest = ()
    changes.db.run(sql, (step.calls, step.intent, line.n, step.run, step.key, *rest))


def _record(
    changes: Changes, line: TaskLine, step: Step | None, *, record: Record, current: bool
) -> StepAnswer:
    verdict = judge_record(step, record, current=current)
    if step is None or verdict is not StepVerdict.RECORDED:
        return StepAnswer(verdict=verdict)
    if step.state is not StepState.OPEN:
        return StepAnswer(verdict=verdict, value=step.value)
    if missing(changes, of_entry(record)):
        return StepAnswer(verdict=StepVerdict.MISSING)
    refer(changes, line.swarm, of_entry(record))
    _set(changes, line, step, state=StepState.RECORDED, value=record.value)
    sheet = changes.sheet(line.swarm)
    changes.tell(sheet, Remark.STEP_RECORDED, task=line.key, data=step_told(step))
    return StepAnswer(verdict=verdict, value=record.value)


def _set(
    changes: Changes, line: TaskLine, step: Step, *, state: StepState, value: str | None
) -> None:
    sql = "UPDATE step SET state = ?, value = ? WHERE task = ? AND run = ? AND key = ?"
    changes.db.run(sql, (state, value, line.n, step.run, step.key))
