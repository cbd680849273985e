"""Intents and results in rows, and what they do to the swarm's purse."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Final

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Column, Db
from skep.drivers.sqlite.holdings import missing, refer
from skep.drivers.sqlite.lines import STEP_SEEN, RunLine, step_of
from skep.drivers.sqlite.purse import keep_purse, purse_of
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
from skep.records.lease import Token
from skep.records.purse import Amount, amount_text
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
PIECE_MAX: Final = 64
"""Entries that are read up together."""

INSERT_STEP: Final = (
    "INSERT INTO step (calls, intent, state, value, reserved, spent, payee, effect, fingerprint,"
    " task, run, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPDATE_STEP: Final = (
    "UPDATE step SET calls = ?, intent = ?, state = ?, value = ?, reserved = ?, spent = ?,"
    " payee = ?, effect = ?, fingerprint = ? WHERE task = ? AND run = ? AND key = ?"
)


@cache
def _find_sql(keys: int, *, counts: bool) -> str:
    """Read a task with so many of a run's steps, and with how many the run has, if that counts."""
    count = "(SELECT count(*) FROM step WHERE task = t.n AND run = p_run)" if counts else "0"
    return (
        "WITH asked (p_swarm, p_task, p_run) AS (VALUES (?, ?, ?))"
        " SELECT t.n, t.swarm, t.key, t.run, t.attempt, t.nonce, t.spent, t.status, s.told,"
        f" {count},"
        f" {', '.join(f'p.{column}' for column in STEP_SEEN.split(', '))}"
        " FROM asked JOIN swarm s ON s.id = p_swarm"
        " JOIN task t ON t.swarm = s.n AND t.key = p_task"
        " LEFT JOIN step p ON p.task = t.n AND p.run = p_run"
        f" AND p.key IN ({', '.join('?' * keys)})"
    )


@dataclass(slots=True, kw_only=True)
class _Page:
    """The journal of one run, as the entries of one token find it and leave it.

    A step is written once, by `keep`, whatever several entries made of it.
    """

    line: RunLine
    steps: dict[str, Step]
    current: bool
    stored: frozenset[str]
    changed: dict[str, Step] = field(default_factory=dict[str, Step])

    @property
    def begun(self) -> int:
        """How many steps these entries opened that the run did not have."""
        return len(self.steps) - len(self.stored)

    def put(self, step: Step) -> None:
        """Change a step, or open a new one."""
        self.steps[step.key] = self.changed[step.key] = step

    def keep(self, db: Db) -> None:
        """Write what was changed."""
        for step in self.changed.values():
            sql = UPDATE_STEP if step.key in self.stored else INSERT_STEP
            db.run(sql, _step_row(step, self.line.n))


def _step_row(step: Step, task: int) -> tuple[Column, ...]:
    return (
        step.calls,
        step.intent,
        step.state,
        step.value,
        amount_text(step.reserved),
        amount_text(step.spent),
        step.payee,
        step.effect,
        step.fingerprint,
        task,
        step.run,
        step.key,
    )


def write(changes: Changes, entries: Sequence[Entry]) -> list[StepAnswer]:
    """Store intents and results in their order; those under one token are read up together.

    Nothing that an entry does makes its token less current.
    """
    answers: list[StepAnswer] = []
    for token, group in groupby(entries, attrgetter("token")):
        for asked in _pieces(list(group)):
            answers += _write_page(changes, token, asked)
    return answers


def _pieces(entries: list[Entry]) -> Iterator[list[Entry]]:
    for start in range(0, len(entries), PIECE_MAX):
        yield entries[start : start + PIECE_MAX]


def _write_page(changes: Changes, token: Token, asked: list[Entry]) -> list[StepAnswer]:
    page = _find(changes, token, asked)
    if page is None:
        return [StepAnswer(verdict=StepVerdict.FENCED)] * len(asked)
    told = page.line.told
    answers = [with_told(_write(changes, page, entry), told) for entry in asked]
    page.keep(changes.db)
    return answers


def _write(changes: Changes, page: _Page, entry: Entry) -> StepAnswer:
    match entry:
        case Intent():
            return _open(changes, page, intent=entry)
        case Record():
            return _record(changes, page, record=entry)
        case Lapse():
            return _lapse(changes, page, ended=entry)


def _find(changes: Changes, token: Token, entries: Sequence[Entry]) -> _Page | None:
    """Read the task of some entries with those of their steps that there are."""
    if token.incarnation != changes.incarnation:
        return None
    keys = {entry.key for entry in entries}
    sql = _find_sql(len(keys), counts=any(isinstance(entry, Intent) for entry in entries))
    rows = changes.db.rows(sql, (token.swarm, token.task, token.run, *keys))
    if not rows:
        return None
    line = RunLine(*rows[0][:RUN_COLUMNS])
    line.status = TaskStatus(line.status)
    found = [row[RUN_COLUMNS:] for row in rows if row[RUN_COLUMNS] is not None]
    steps = {row[0]: step_of(token.ref, token.run, row) for row in found}
    current = is_current(changes.held(line), token)
    return _Page(line=line, steps=steps, current=current, stored=frozenset(steps))


def _open(changes: Changes, page: _Page, *, intent: Intent) -> StepAnswer:
    step, line = page.steps.get(intent.key), page.line
    verdict = judge_intent(
        step, intent, current=page.current, steps=line.steps + page.begun, told=line.told
    )
    if verdict is StepVerdict.OPENED and is_new_call(step, intent):
        verdict = _pay(changes, page, step, intent=intent)
    elif verdict is StepVerdict.UNKNOWN and step and step.state is StepState.OPEN:
        lost = _lose(changes, page, step)
        page.put(replace(lost, state=StepState.UNKNOWN))
        told: dict[str, Json] = {"key": intent.key}
        changes.tell(changes.sheet(line.swarm), Remark.STEP_UNKNOWN, task=line.key, data=told)
    value = step.value if step and verdict is StepVerdict.FOUND else None
    return StepAnswer(verdict=verdict, value=value)


def _pay(changes: Changes, page: _Page, step: Step | None, *, intent: Intent) -> StepVerdict:
    """Let a call out, with what it may take reserved, if that fits."""
    step = _lose(changes, page, step) if step else None
    if intent.reserve is None:
        page.put(opened(step, intent))
        return StepVerdict.OPENED
    purse = purse_of(changes.db, page.line.swarm)
    match judge_reservation(purse, intent.reserve, is_last=_is_last(changes, page.line)):
        case Fit.FITS:
            _keep(changes, page, reserve(purse, opened(step, intent), intent.reserve))
            return StepVerdict.OPENED
        case Fit.WAITS:
            return StepVerdict.WAITS
        case Fit.EMPTY:
            _pause(changes, page.line, intent.key, asked=intent.reserve)
            return StepVerdict.EMPTY


def _is_last(changes: Changes, line: RunLine) -> bool:
    return changes.db.value("SELECT 1 FROM edge WHERE up = ? LIMIT 1", (line.n,)) is None


def _keep(changes: Changes, page: _Page, changed: Changed) -> None:
    purse, step = changed
    keep_purse(changes.db, page.line.swarm, purse)
    page.put(step)


def _lose(changes: Changes, page: _Page, step: Step) -> Step:
    if step.reserved is None:
        return step
    line = page.line
    purse, charged = lose(purse_of(changes.db, line.swarm), step)
    _keep(changes, page, (purse, charged))
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


def _record(changes: Changes, page: _Page, *, record: Record) -> StepAnswer:
    step, line = page.steps.get(record.key), page.line
    verdict = judge_record(step, record, current=page.current)
    if step is None or verdict is not StepVerdict.RECORDED:
        return StepAnswer(verdict=verdict)
    if step.state is not StepState.OPEN:
        if page.current:
            _settle(changes, page, step, record=record)
        return StepAnswer(verdict=verdict, value=step.value)
    digests = of_entry(record)
    if missing(changes, digests):
        return StepAnswer(verdict=StepVerdict.MISSING)
    refer(changes, line.swarm, digests)
    step = recorded(step, record.value)
    page.put(step)
    if page.current:
        _settle(changes, page, step, record=record)
    told = step_told(step, record.usage, record.payee)
    changes.tell(changes.sheet(line.swarm), Remark.STEP_RECORDED, task=line.key, data=told)
    return StepAnswer(verdict=verdict, value=record.value)


def _settle(changes: Changes, page: _Page, step: Step, *, record: Record) -> None:
    """Settle what the call had reserved; that of a fenced worker was counted as lost already."""
    if step.reserved is None:
        return
    purse = purse_of(changes.db, page.line.swarm)
    _keep(changes, page, settle(purse, step, record.usage, payee=record.payee))
    _tell_overrun(changes, page.line, step, used=record.usage)


def _lapse(changes: Changes, page: _Page, *, ended: Lapse) -> StepAnswer:
    step, line = page.steps.get(ended.key), page.line
    verdict = judge_lapse(step, ended, current=page.current)
    if step is None or step.reserved is None or verdict is not StepVerdict.LAPSED:
        return StepAnswer(verdict=verdict)
    purse = purse_of(changes.db, line.swarm)
    _keep(changes, page, lapse(purse, step, ended.charge, payee=ended.payee))
    if ended.charge is not None:
        told = lapse_told(step.key, ended.charge, ended.payee)
        changes.tell(changes.sheet(line.swarm), Remark.STEP_LAPSED, task=line.key, data=told)
        _tell_overrun(changes, line, step, used=ended.charge)
    return StepAnswer(verdict=verdict)


def _tell_overrun(changes: Changes, line: RunLine, step: Step, *, used: Amount | None) -> None:
    if step.reserved is not None and used is not None and used.exceeds(step.reserved):
        told = overrun_told(step.key, held=step.reserved, used=used)
        changes.tell(changes.sheet(line.swarm), Remark.PURSE_OVERRUN, task=line.key, data=told)
