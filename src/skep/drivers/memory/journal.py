"""The memory store's journal: intents, results, and what they do to the swarm's purse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.retention import missing, refer
from skep.drivers.memory.state import SwarmRow
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
from skep.records.ids import TaskKey, TaskRef
from skep.records.lease import Token
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
            return _write(changes, entries)

    async def read(self, ref: TaskRef, *, run: int) -> Sequence[Step]:
        """See `ports.store.Journal.read`."""
        with self._desk.look() as tables:
            return list(tables.steps(ref.swarm, ref.key, run).values())


@dataclass(slots=True)
class _Line:
    """The journal of one run, as the entries of one token find it."""

    token: Token
    swarm: SwarmRow
    task: TaskKey
    steps: dict[str, Step]
    current: bool


def _write(changes: Changes, entries: Sequence[Entry]) -> list[StepAnswer]:
    """Take entries down in their order; those that follow each other under one token share a line.

    Nothing that an entry does makes its token less current.
    """
    answers: list[StepAnswer] = []
    line, token = None, None
    for entry in entries:
        if entry.token is not token:
            token = entry.token
            line = _line(changes, token)
        if line is None:
            answers.append(StepAnswer(verdict=StepVerdict.FENCED))
        else:
            answers.append(with_told(_answer(changes, line, entry), len(line.swarm.told)))
    return answers


def _line(changes: Changes, token: Token) -> _Line | None:
    tables = changes.tables
    swarm = tables.swarms.get(token.swarm)
    task = swarm.tasks.get(token.task) if swarm else None
    if swarm is None or task is None or token.incarnation != tables.incarnation:
        return None
    steps = tables.journal.setdefault((token.swarm, token.task, token.run), {})
    return _Line(token, swarm, token.task, steps, is_current(tables.held(task), token))


def _answer(changes: Changes, line: _Line, entry: Entry) -> StepAnswer:
    match entry:
        case Intent():
            return _open(changes, line, entry)
        case Record():
            return _record(changes, line, entry)
        case Lapse():
            return _lapse(changes, line, entry)


def _open(changes: Changes, line: _Line, intent: Intent) -> StepAnswer:
    step, told = line.steps.get(intent.key), len(line.swarm.told)
    verdict = judge_intent(step, intent, current=line.current, steps=len(line.steps), told=told)
    if verdict is StepVerdict.OPENED and is_new_call(step, intent):
        verdict = _let_out(changes, line, intent)
    elif verdict is StepVerdict.UNKNOWN and step and step.state is StepState.OPEN:
        _lose(changes, line, intent.key)
        line.steps[intent.key] = replace(line.steps[intent.key], state=StepState.UNKNOWN)
        data: dict[str, Json] = {"key": intent.key}
        changes.tell(line.swarm, Remark.STEP_UNKNOWN, task=line.task, data=data)
    value = step.value if step and verdict is StepVerdict.FOUND else None
    return StepAnswer(verdict=verdict, value=value)


def _let_out(changes: Changes, line: _Line, intent: Intent) -> StepVerdict:
    """Open a step, with what its call may take reserved, if that fits."""
    _lose(changes, line, intent.key)
    steps, swarm = line.steps, line.swarm
    if intent.reserve is None:
        steps[intent.key] = opened(steps.get(intent.key), intent)
        return StepVerdict.OPENED
    is_last = not swarm.tasks[line.task].downs
    match judge_reservation(swarm.purse, intent.reserve, is_last=is_last):
        case Fit.FITS:
            step = opened(steps.get(intent.key), intent)
            swarm.purse, steps[intent.key] = reserve(swarm.purse, step, intent.reserve)
            return StepVerdict.OPENED
        case Fit.WAITS:
            return StepVerdict.WAITS
        case Fit.EMPTY:
            _pause(changes, line, intent.key, asked=intent.reserve)
            return StepVerdict.EMPTY


def _lose(changes: Changes, line: _Line, key: str) -> None:
    step = line.steps.get(key)
    if step is None or step.reserved is None:
        return
    line.swarm.purse, line.steps[key] = lose(line.swarm.purse, step)
    changes.tell(line.swarm, Remark.PURSE_LOST, task=line.task, data=lost_told([step]))


def _pause(changes: Changes, line: _Line, key: str, *, asked: Amount) -> None:
    swarm = line.swarm
    if swarm.status is not SwarmStatus.ACTIVE:
        return
    data = empty_told(swarm.purse, key, asked)
    changes.tell(swarm, Remark.PURSE_EMPTY, task=line.task, data=data)
    swarm.purse = replace(swarm.purse, is_empty=True)
    changes.move_swarm(swarm, SwarmMove.PAUSE, reason=EMPTY)


def _record(changes: Changes, line: _Line, record: Record) -> StepAnswer:
    step = line.steps.get(record.key)
    verdict = judge_record(step, record, current=line.current)
    if step is None or verdict is not StepVerdict.RECORDED:
        return StepAnswer(verdict=verdict)
    if step.state is not StepState.OPEN:
        if line.current:
            _settle(changes, line, record)
        return StepAnswer(verdict=verdict, value=step.value)
    digests = of_entry(record)
    if missing(changes.tables, digests):
        return StepAnswer(verdict=StepVerdict.MISSING)
    refer(changes.tables, line.swarm.id, digests)
    line.steps[record.key] = recorded(step, record.value)
    if line.current and step.reserved is not None:
        _settle(changes, line, record)
    told = step_told(step, record.usage, record.payee)
    changes.tell(line.swarm, Remark.STEP_RECORDED, task=line.task, data=told)
    return StepAnswer(verdict=verdict, value=record.value)


def _settle(changes: Changes, line: _Line, record: Record) -> None:
    """Settle what the call had reserved; that of a fenced worker was counted as lost already."""
    step, swarm = line.steps[record.key], line.swarm
    settled = settle(swarm.purse, step, record.usage, payee=record.payee)
    swarm.purse, line.steps[record.key] = settled
    _tell_overrun(changes, line, step, used=record.usage)


def _lapse(changes: Changes, line: _Line, ended: Lapse) -> StepAnswer:
    step = line.steps.get(ended.key)
    verdict = judge_lapse(step, ended, current=line.current)
    if step is None or step.reserved is None or verdict is not StepVerdict.LAPSED:
        return StepAnswer(verdict=verdict)
    swarm = line.swarm
    lapsed = lapse(swarm.purse, step, ended.charge, payee=ended.payee)
    swarm.purse, line.steps[ended.key] = lapsed
    if ended.charge is not None:
        told = lapse_told(step.key, ended.charge, ended.payee)
        changes.tell(swarm, Remark.STEP_LAPSED, task=line.task, data=told)
        _tell_overrun(changes, line, step, used=ended.charge)
    return StepAnswer(verdict=verdict)


def _tell_overrun(changes: Changes, line: _Line, step: Step, *, used: Amount | None) -> None:
    if step.reserved is not None and used is not None and used.exceeds(step.reserved):
        told = overrun_told(step.key, held=step.reserved, used=used)
        changes.tell(line.swarm, Remark.PURSE_OVERRUN, task=line.task, data=told)
