"""Disputes in rows: one text each."""

from collections.abc import Callable

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db
from skep.policy.conflict import check_dispute
from skep.records.case_codec import case_from, case_text
from skep.records.dispute import Case, Dispute, Party
from skep.records.errors import CommandConflict, SkepError, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.sharing_errors import DisputeNotFound


def every_case(db: Db) -> list[Case]:
    """Read every case, newest first."""
    return newest(db, is_open=None, limit=-1)


def newest(db: Db, *, is_open: bool | None, limit: int) -> list[Case]:
    """Read disputes, newest first."""
    sql = "SELECT text FROM dispute WHERE ?1 IS NULL OR open = ?1 ORDER BY n DESC LIMIT ?2"
    return [case_from(text) for (text,) in db.rows(sql, (is_open, limit))]


def find_case(db: Db, id_: str) -> Case:
    """Read one; raises `DisputeNotFound`."""
    text = db.value("SELECT text FROM dispute WHERE id = ?", (id_,))
    if text is None:
        raise DisputeNotFound(dispute=id_)
    return case_from(text)


def changed(db: Db, id_: str, change: Callable[[Case], Case]) -> Case | SkepError:
    """Change one as policy says, or answer why not."""
    try:
        case = change(find_case(db, id_))
    except SkepError as refusal:
        return refusal
    sql = "UPDATE dispute SET text = ?, open = ? WHERE id = ?"
    db.run(sql, (case_text(case), case.is_open, id_))
    return case


def open_case(changes: Changes, asked: Dispute) -> Case | SkepError:
    """Write a dispute down, once."""
    try:
        check_dispute(asked)
        text = changes.db.value("SELECT text FROM dispute WHERE id = ?", (asked.id,))
        case = case_from(text) if text is not None else _written(changes, asked)
    except SkepError as refusal:
        return refusal
    return case if case.dispute == asked else CommandConflict()


def _written(changes: Changes, asked: Dispute) -> Case:
    parties = tuple(_party(changes.db, each) for each in asked.parties)
    case = Case(dispute=asked, parties=parties, opened_at=changes.at)
    sql = "INSERT INTO dispute (id, text, open) VALUES (?, ?, 1)"
    changes.db.run(sql, (asked.id, case_text(case)))
    return case


def _party(db: Db, swarm: SwarmId) -> Party:
    row = db.row("SELECT priority, created_at FROM swarm WHERE id = ?", (swarm,))
    if row is None:
        raise SwarmNotFound(swarm=swarm)
    return Party(swarm=swarm, priority=row[0], since=row[1])
