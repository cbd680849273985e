"""Reading messages from their rows."""

from typing import Final

from skep.drivers.sqlite.db import Db, Row
from skep.records.message import MessageState, Posted, message_from

SEEN: Final = (
    "SELECT n, text, sent_at, state, tries, reason, due_at, expires_at, ended_at FROM message"
)


def every_message(db: Db) -> list[Posted]:
    """Read all messages of the swarms that are there, in the order of their numbers."""
    sql = f"{SEEN} WHERE swarm IN (SELECT n FROM swarm) ORDER BY n"
    return [posted_of(row) for row in db.rows(sql)]


def posted_of(row: Row) -> Posted:
    """Read a row of `SEEN`."""
    return Posted(
        number=row[0],
        message=message_from(row[1], sent_at=row[2]),
        state=MessageState(row[3]),
        tries=row[4],
        reason=row[5],
        due_at=row[6],
        expires_at=row[7],
        ended_at=row[8],
    )
