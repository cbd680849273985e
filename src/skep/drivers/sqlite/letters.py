"""Reading the dead letters from the rows of the tasks that failed."""

from skep.drivers.sqlite.db import Db
from skep.drivers.sqlite.lines import TASK_SEEN, task_of
from skep.drivers.sqlite.reading import number
from skep.records.ids import SwarmId
from skep.records.letter import DeadLetter, letter_of, read_cursor

PLACE = "s.id || '/' || printf('%06d', t.ordinal) || '/' || t.key"
"""`DeadLetter.place`; it orders only those that failed in the same moment."""


def dead_letters(
    db: Db, *, swarm_id: SwarmId | None, before: str | None, limit: int
) -> list[DeadLetter]:
    """Read dead letters, newest first; raises `SwarmNotFound` or `InvalidInput`."""
    at, place = (float("inf"), "") if before is None else read_cursor(before)
    # One statement for each of the two indices, which a condition on both would pass by.
    whose = "" if swarm_id is None else "t.swarm = ?4 AND "
    sql = (
        f"SELECT {TASK_SEEN} FROM task t JOIN swarm s ON s.n = t.swarm WHERE {whose}"
        f"t.status = 'failed' AND t.ended_at <= ?1 AND (t.ended_at < ?1 OR {PLACE} < ?2)"
        f" ORDER BY t.ended_at DESC, {PLACE} DESC LIMIT ?3"
    )
    values = (at, place, limit) if swarm_id is None else (at, place, limit, number(db, swarm_id))
    return [letter_of(task_of(row)) for row in db.rows(sql, values)]
