"""The memory store's journal: intents, results, and what they do to the swarm's purse."""

from collections.abc import Sequence
from dataclasses import replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.retention import missing, refer
from skep.policy.bounds import check_entries
from skep.policy.fencing import is_current
from skep.policy.journaling import (
    is_new_call,
    judge_intent,
    judge_lapse,
    judge_record,
    opened,
    recorded,
    step_told,
)
from skep.policy.purse import (
    EMPTY,
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
from skep.records.ids import TaskRef
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
from skep.records.values import Json


class MemoryJournal:
    """Intents and results."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def write(self, entries: Sequence[Entry]) -> Sequence[StepAnswer]:
        """See `ports.store.Journal.write`."""
        check_entries(entries)
        with self._desk.change() as changes:
            return [_write(changes, entry) for entry in entries]

    async def read(self, ref: TaskRef, *, run: int) -> Sequence[Step]:
        """See `ports.store.Journal.read`."""
        with self._desk.look() as tables:
            return list(tables.steps(ref.swarm, ref.key, run).values())


def _write(changes: Changes, entry: Entry) -> StepAnswer:
    tables, token = changes.tables, entry.token
    swarm = tables.swarms.get(token.swarm)
    task = swarm.tasks.get(token.task) if swarm else None
    if task is None or token.incarnation != tables.incarnation:
        return StepAnswer(verdict=StepVerdict.FENCED)
    current = is_current(tables.held(task), token)
    answer = _answer(changes, entry, current=current)
    return with_told(answer, len(swarm.told) if swarm else 0)


def _answer(changes: Changes, entry: Entry, *, current: bool) -> StepAnswer:
    token = entry.token
    line = changes.tables.journal.setdefault((token.swarm, token.task, token.run), {})
    match entry:
        case Intent():
            return _open(changes, line, entry, current=current)
        case Record():
            return _record(changes, line, entry, current=current)
        case Lapse():
            return _lapse(changes, line, entry, current=current)


def _open(changes: Changes, line: dict[str, Step], intent: Intent, *, current: bool) -> StepAnswer:
    step = line.get(intent.key)
    verdict = judge_intent(step, intent, current=current, steps=len(line))
    if verdict is StepVerdict.OPENED and is_new_call(step, intent):
        verdict = _let_out(changes, line, intent)
    elif verdict is StepVerdict.UNKNOWN and step and step.state is StepState.OPEN:
        _lose(changes, line, intent)
        line[intent.key] = replace(line[intent.key], state=StepState.UNKNOWN)
        swarm = changes.tables.swarms[intent.token.swarm]
        data: dict[str, Json] = {"key": intent.key}
        changes.tell(swarm, Remark.STEP_UNKNOWN, task=intent.token.task, data=data)
    value = step.value if step and verdict is StepVerdict.FOUND else None
    return StepAnswer(verdict=verdict, value=value)


def _let_out(changes: Changes, line: dict[str, Step], intent: Intent) -> StepVerdict:
    """Open a step, with what its call may take reserved, if that fits."""
    _lose(changes, line, intent)
    if intent.reserve is None:
        line[intent.key] = opened(line.get(intent.key), intent)
        return StepVerdict.OPENED
    swarm = changes.tables.swarms[intent.token.swarm]
    is_last = not swarm.tasks[intent.token.task].downs
    match judge_reservation(swarm.purse, intent.reserve, is_last=is_last):
        case Fit.FITS:
            step = opened(line.get(intent.key), intent)
            swarm.purse, line[intent.key] = reserve(swarm.purse, step, intent.reserve)
            return StepVerdict.OPENED
        case Fit.WAITS:
            return StepVerdict.WAITS
        case Fit.EMPTY:
            _pause(changes, intent, intent.reserve)
            return StepVerdict.EMPTY


def _lose(changes: Changes, line: dict[str, Step], intent: Intent) -> None:
    step = line.get(intent.key)
    if step is None or step.reserved is None:
        return
    swarm = changes.tables.swarms[intent.token.swarm]
    swarm.purse, line[intent.key] = lose(swarm.purse, step)
    changes.tell(swarm, Remark.PURSE_LOST, task=intent.token.task, data=lost_told([step]))


def _pause(changes: Changes, intent: Intent, asked: Amount) -> None:
    swarm = changes.tables.swarms[intent.token.swarm]
    if swarm.status is not SwarmStatus.ACTIVE:
        return
    data = empty_told(swarm.purse, intent.key, asked)
    changes.tell(swarm, Remark.PURSE_EMPTY, task=intent.token.task, data=data)
    swarm.purse = replace(swarm.purse, is_empty=True)
    changes.move_swarm(swarm, SwarmMove.PAUSE, reason=EMPTY)


def _record(
    changes: Changes, line: dict[str, Step], record: Record, *, current: bool
) -> StepAnswer:
    step = line.get(record.key)
    verdict = judge_record(step, record, current=current)
    if step is None or verdict is not StepVerdict.RECORDED:
        return StepAnswer(verdict=verdict)
    if step.state is not StepState.OPEN:
        if current:
            _settle(changes, line, record)
        return StepAnswer(verdict=verdict, value=step.value)
    digests = of_entry(record)
    if missing(changes.tables, digests):
        return StepAnswer(verdict=StepVerdict.MISSING)
    refer(changes.tables, record.token.swarm, digests)
    line[record.key] = recorded(step, record.value)
    if current and step.reserved is not None:
        _settle(changes, line, record)
    swarm = changes.tables.swarms[record.token.swarm]
    told = step_told(step, record.usage, record.payee)
    changes.tell(swarm, Remark.STEP_RECORDED, task=record.token.task, data=told)
    return StepAnswer(verdict=verdict, value=record.value)


def _settle(changes: Changes, line: dict[str, Step], record: Record) -> None:
    """Settle what the call had reserved; that of a fenced worker was counted as lost already."""
    step, swarm = line[record.key], changes.tables.swarms[record.token.swarm]
    swarm.purse, line[record.key] = settle(swarm.purse, step, record.usage, payee=record.payee)
    _tell_overrun(changes, step, record, used=record.usage)


def _lapse(changes: Changes, line: dict[str, Step], ended: Lapse, *, current: bool) -> StepAnswer:
    step = line.get(ended.key)
    verdict = judge_lapse(step, ended, current=current)
    if step is None or step.reserved is None or verdict is not StepVerdict.LAPSED:
        return StepAnswer(verdict=verdict)
    swarm = changes.tables.swarms[ended.token.swarm]
    swarm.purse, line[ended.key] = lapse(swarm.purse, step, ended.charge, payee=ended.payee)
    if ended.charge is not None:
        told = lapse_told(step.key, ended.charge, ended.payee)
        changes.tell(swarm, Remark.STEP_LAPSED, task=ended.token.task, data=told)
        _tell_overrun(changes, step, ended, used=ended.charge)
    return StepAnswer(verdict=verdict)


def _tell_overrun(
    changes: Changes, step: Step, entry: Record | Lapse, *, used: Amount | None
) -> None:
    if step.reserved is not None and used is not None and used.exceeds(step.reserved):
        swarm = changes.tables.swarms[entry.token.swarm]
        told = overrun_told(step.key, held=step.reserved, used=used)
        changes.tell(swarm, Remark.PURSE_OVERRUN, task=entry.token.task, data=told)
