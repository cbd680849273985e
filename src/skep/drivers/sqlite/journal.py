"""Intents and results in rows, and what they do to the swarm's purse."""

from dataclasses import fields, replace
from typing import Final

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.holdings import missing, refer
from skep.drivers.sqlite.lines import STEP_SEEN, RunLine, step_of
from skep.drivers.sqlite.purse import keep_money, keep_purse, purse_of
from skep.policy.fencing import is_current
from skep.policy.journaling import (
    is_new_call,
    judge_intent,
    judge_lapse,
    judge_record,
    opened,
    step_told,
)
from skep.policy.purse import (
    EMPTY,
    Changed,
    Fit,
    empty_told,
    judge_reservation,
    lapse,
    lapse_told,
    lose,
    lost_told,
    overrun_told,
    reserve,
    settle,
)
from skep.policy.references import of_entry
from skep.policy.telling import with_told
from skep.records.event import Remark
from skep.records.purse import Amount
from skep.records.step import (
    Entry,
    Intent,
    Lapse,
    Record,
    Step,
    StepAnswer,
    StepState,
    StepVerdict,
)
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.records.values import Json

RUN_COLUMNS: Final = len(fields(RunLine))
FIND: Final = (
    "SELECT t.n, t.swarm, t.key, t.run, t.attempt, t.nonce, t.spent, t.status, s.told,"
    " CASE WHEN p.n IS NULL"
    " THEN (SELECT count(*) FROM step WHERE task = t.n AND run = ?) END,"
    f" {', '.join(f'p.{column}' for column in STEP_SEEN.split(', '))}"
    " FROM swarm s JOIN task t ON t.swarm = s.n AND t.key = ?"
    " LEFT JOIN step p ON p.task = t.n AND p.run = ? AND p.key = ? WHERE s.id = ?"
)


def write(changes: Changes, entry: Entry) -> StepAnswer:
    """Store one intent or result."""
    found = _find(changes, entry)
    if found is None or entry.token.incarnation != changes.incarnation:
        return StepAnswer(verdict=StepVerdict.FENCED)
    line, step = found
    return with_told(_write(changes, line, step, entry=entry), line.told)


def _write(changes: Changes, line: RunLine, step: Step | None, *, entry: Entry) -> StepAnswer:
    current = is_current(changes.held(line), entry.token)
    match entry:
        case Intent():
            return _open(changes, line, step, intent=entry, current=current)
        case Record():
            return _record(changes, line, step, record=entry, current=current)
        case Lapse():
            return _lapse(changes, line, step, ended=entry, current=current)


def _find(changes: Changes, entry: Entry) -> tuple[RunLine, Step | None] | None:
    """Read the task of an entry with its step, if there is one, and else how many its run has."""
    token = entry.token
    bindings = (token.run, token.task, token.run, entry.key, token.swarm)
    row = changes.db.row(FIND, bindings)
    if row is None:
        return None
    line = RunLine(*row[:RUN_COLUMNS])
    line.status = TaskStatus(line.status)
    is_there = line.steps is None
    return line, step_of(token.ref, token.run, row[RUN_COLUMNS:]) if is_there else None


def _open(
    changes: Changes, line: RunLine, step: Step | None, *, intent: Intent, current: bool
) -> StepAnswer:
    verdict = judge_intent(step, intent, current=current, steps=line.steps or 0)
    if verdict is StepVerdict.OPENED and is_new_call(step, intent):
        verdict = _pay(changes, line, step, intent=intent)
    elif verdict is StepVerdict.UNKNOWN and step and step.state is StepState.OPEN:
        _lose(changes, line, step)
        _set(changes, line, step, state=StepState.UNKNOWN, value=None)
        told: dict[str, Json] = {"key": intent.key}
        changes.tell(changes.sheet(line.swarm), Remark.STEP_UNKNOWN, task=line.key, data=told)
    value = step.value if step and verdict is StepVerdict.FOUND else None
    return StepAnswer(verdict=verdict, value=value)


def _pay(changes: Changes, line: RunLine, step: Step | None, *, intent: Intent) -> StepVerdict:
    """Let a call out, with what it may take reserved, if that fits."""
    step = _lose(changes, line, step)
    if intent.reserve is None:
        _let_out(changes, line, opened(step, intent), is_first=step is None)
        return StepVerdict.OPENED
    purse = purse_of(changes.db, line.swarm)
    match judge_reservation(purse, intent.reserve, is_last=_is_last(changes, line)):
        case Fit.FITS:
            _let_out(changes, line, opened(step, intent), is_first=step is None)
            _keep(changes, line, reserve(purse, opened(step, intent), intent.reserve))
            return StepVerdict.OPENED
        case Fit.WAITS:
            return StepVerdict.WAITS
        case Fit.EMPTY:
            _pause(changes, line, intent.key, asked=intent.reserve)
            return StepVerdict.EMPTY


def _is_last(changes: Changes, line: RunLine) -> bool:
    return changes.db.value("SELECT 1 FROM edge WHERE up = ? LIMIT 1", (line.n,)) is None


def _keep(changes: Changes, line: RunLine, changed: Changed) -> None:
    purse, step = changed
    keep_purse(changes.db, line.swarm, purse)
    keep_money(changes.db, line.n, step)


def _lose(changes: Changes, line: RunLine, step: Step | None) -> Step | None:
    if step is None or step.reserved is None:
        return step
    purse, charged = lose(purse_of(changes.db, line.swarm), step)
    _keep(changes, line, (purse, charged))
    told = lost_told([step])
    changes.tell(changes.sheet(line.swarm), Remark.PURSE_LOST, task=line.key, data=told)
    return charged


def _pause(changes: Changes, line: RunLine, key: str, *, asked: Amount) -> None:
    purse = purse_of(changes.db, line.swarm)
    sheet = changes.sheet(line.swarm)
    if sheet.status is not SwarmStatus.ACTIVE:
        return
    told = empty_told(purse, key, asked)
    changes.tell(sheet, Remark.PURSE_EMPTY, task=line.key, data=told)
    keep_purse(changes.db, line.swarm, replace(purse, is_empty=True))
    changes.move_swarm(sheet, SwarmMove.PAUSE, told={"reason": EMPTY})


def _let_out(changes: Changes, line: RunLine, step: Step, *, is_first: bool) -> None:
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
    changes: Changes, line: RunLine, step: Step | None, *, record: Record, current: bool
) -> StepAnswer:
    verdict = judge_record(step, record, current=current)
    if step is None or verdict is not StepVerdict.RECORDED:
        return StepAnswer(verdict=verdict)
    if step.state is not StepState.OPEN:
        if current:
            _settle(changes, line, step, record=record)
        return StepAnswer(verdict=verdict, value=step.value)
    digests = of_entry(record)
    if missing(changes, digests):
        return StepAnswer(verdict=StepVerdict.MISSING)
    refer(changes, line.swarm, digests)
    _set(changes, line, step, state=StepState.RECORDED, value=record.value)
    if current:
        _settle(changes, line, step, record=record)
    told = step_told(step, record.usage, record.payee)
    changes.tell(changes.sheet(line.swarm), Remark.STEP_RECORDED, task=line.key, data=told)
    return StepAnswer(verdict=verdict, value=record.value)


def _settle(changes: Changes, line: RunLine, step: Step, *, record: Record) -> None:
    """Settle what the call had reserved; that of a fenced worker was counted as lost already."""
    if step.reserved is None:
        return
    purse = purse_of(changes.db, line.swarm)
    _keep(changes, line, settle(purse, step, record.usage, payee=record.payee))
    _tell_overrun(changes, line, step, used=record.usage)


def _lapse(
    changes: Changes, line: RunLine, step: Step | None, *, ended: Lapse, current: bool
) -> StepAnswer:
    verdict = judge_lapse(step, ended, current=current)
    if step is None or step.reserved is None or verdict is not StepVerdict.LAPSED:
        return StepAnswer(verdict=verdict)
    purse = purse_of(changes.db, line.swarm)
    _keep(changes, line, lapse(purse, step, ended.charge, payee=ended.payee))
    if ended.charge is not None:
        told = lapse_told(step.key, ended.charge, ended.payee)
        changes.tell(changes.sheet(line.swarm), Remark.STEP_LAPSED, task=line.key, data=told)
        _tell_overrun(changes, line, step, used=ended.charge)
    return StepAnswer(verdict=verdict)


def _tell_overrun(changes: Changes, line: RunLine, step: Step, *, used: Amount | None) -> None:
    if step.reserved is not None and used is not None and used.exceeds(step.reserved):
        told = overrun_told(step.key, held=step.reserved, used=used)
        changes.tell(changes.sheet(line.swarm), Remark.PURSE_OVERRUN, task=line.key, data=told)


def _set(
    changes: Changes, line: RunLine, step: Step, *, state: StepState, value: str | None
) -> None:
    sql = "UPDATE step SET state = ?, value = ? WHERE task = ? AND run = ? AND key = ?"
    changes.db.run(sql, (state, value, line.n, step.run, step.key))
