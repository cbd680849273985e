"""Moving distributed tasks in rows, from one open swarm to another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from skep.drivers.sqlite.changes import Changes, Sheet
from skep.drivers.sqlite.db import Row
from skep.drivers.sqlite.submitting import add_tasks
from skep.policy.placement import (
    check_shift,
    is_open,
    may_move,
    moved_reason,
    not_open,
    skill_set,
)
from skep.records.codec import spec_from
from skep.records.command import Addition, ReceiptVerdict
from skep.records.errors import SkepError
from skep.records.ids import SwarmId, TaskRef
from skep.records.placement import Choice, Placed, Shift, choice_from, choice_json
from skep.records.task import TaskMove, TaskStatus
from skep.records.values import canonical, parsed

MOVABLE: Final = (
    "SELECT p.command, c.digest, p.told, t.n, (SELECT text FROM spec WHERE task = t.n)"
    " FROM placed p JOIN command c ON c.id = p.command JOIN task t ON t.swarm = ?1"
    " AND t.key = p.task WHERE p.swarm = ?2 AND t.status = 'ready' AND t.attempt = 0 AND t.run = 1"
    " AND t.delay_s = 0 AND NOT EXISTS (SELECT 1 FROM edge WHERE up = t.n)"
    " AND NOT EXISTS (SELECT 1 FROM edge WHERE down = t.n)"
    " AND NOT EXISTS (SELECT 1 FROM task o WHERE o.swarm = ?3 AND o.key = t.key)"
    " ORDER BY t.ordinal DESC"
)


def shift(changes: Changes, asked: Shift) -> Sequence[Placed] | SkepError:
    """Move tasks, the youngest first."""
    try:
        check_shift(asked)
        source, target = (_open_sheet(changes, each) for each in (asked.source, asked.target))
    except SkepError as refusal:
        return refusal
    skills = skill_set(changes.db.value("SELECT skills FROM swarm WHERE n = ?", (target.n,)))
    moved: list[Placed] = []
    for row in changes.db.rows(MOVABLE, (source.n, source.id, target.n)):
        choice = choice_from(parsed(row[2]))
        if len(moved) == asked.number or not _is_open(target):
            break
        if may_move(choice, skills):
            moved.append(_move(changes, row, choice, source=source, target=target))
    changes.flush()  # the next shift of this call is to see this one
    return moved


def _open_sheet(changes: Changes, swarm: SwarmId) -> Sheet:
    sheet = changes.find_sheet(swarm)
    if not _is_open(sheet):
        raise not_open(swarm, sheet.status)
    return sheet


def _is_open(sheet: Sheet) -> bool:
    return is_open(sheet.status, sealed=sheet.sealed, tasks=sum(sheet.counts.values()))


def _load(sheet: Sheet) -> float:
    return (sheet.counts[TaskStatus.READY] + sheet.counts[TaskStatus.RUNNING]) / sheet.cap


def _move(changes: Changes, row: Row, was: Choice, *, source: Sheet, target: Sheet) -> Placed:
    command, digest, _, n, text = row
    looked = tuple((each.id, _load(each)) for each in (target, source))
    choice = replace(was, looked=looked, moved_from=source.id)
    reason, told = moved_reason(target.id), choice_json(choice)
    [line] = changes.lines("n = ?", (n,))
    changes.move(line, TaskMove.CANCEL, told={"reason": reason}, reason=reason)
    spec = spec_from(text)
    addition = Addition(command=command, digest=digest, swarm=target.id, tasks=(spec,))
    add_tasks(changes, addition, placed=told)
    changes.db.run("UPDATE command SET swarm = ? WHERE id = ?", (target.id, command))
    sql = "UPDATE placed SET swarm = ?, told = ? WHERE command = ?"
    changes.db.run(sql, (target.id, canonical(told), command))
    ref = TaskRef(swarm=target.id, key=spec.key)
    return Placed(verdict=ReceiptVerdict.OK, ref=ref, choice=choice)
