"""Forgetting in rows: the swarm's own row goes first and at once, the rest of it in pieces."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from skep.drivers.sqlite import holdings, reading
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.ports import Desk
from skep.policy.retention import is_due
from skep.records.errors import SkepError, SwarmKept
from skep.records.ids import SwarmId
from skep.records.retention import Dropped
from skep.records.swarm import Swarm, SwarmStatus

OF_TASKS: Final = (
    ("step", "n", "task"),
    ("approval", "n", "task"),
    ("artifact", "task, name", "task"),
    ("edge", "up, down", "up"),
    ("spec", "task", "task"),
    ("outcome", "task", "task"),
)
OF_A_SWARM: Final = (
    ("task", "n", "swarm"),
    ("event", "swarm, seq", "swarm"),
    ("blob_use", "swarm, digest", "swarm"),
    ("purse", "swarm", "swarm"),
    ("told", "swarm, number", "swarm"),
    ("message", "n", "swarm"),
    ("inbox", "swarm, agent", "swarm"),
    ("hosting", "swarm", "swarm"),
    ("capture_part", "swarm, kind, number, digest", "swarm"),
    ("capture", "swarm, kind, number", "swarm"),
    ("capture_number", "swarm, kind", "swarm"),
)
"""What belongs to a swarm, in the order in which it goes: table, its key, and the column that
names a task or the swarm. A new table of rows about tasks or swarms is one line here."""

FORGOTTEN: Final = (
    "INSERT INTO tally VALUES ('forgotten', 1) ON CONFLICT (name) DO UPDATE SET number = number + 1"
)

PAGES: Final = "PRAGMA freelist_count"


class SqliteRetention:
    """Forgetting what has ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def due(self, before: float, *, limit: int = 50) -> Sequence[Swarm]:
        """See `ports.retention.Retention.due`."""
        return await self._desk.reader.ask(partial(reading.due, before=before, limit=limit))

    async def forget(
        self, swarms: Sequence[SwarmId], *, before: float
    ) -> Sequence[bool | SkepError]:
        """See `ports.retention.Retention.forget`."""
        return await self._desk.writer.ask(
            lambda changes: [_forget(changes, swarm, before) for swarm in swarms]
        )

    async def clear(self, *, limit: int = 256) -> int:
        """See `ports.retention.Retention.clear`."""
        return await self._desk.writer.ask(partial(_clear, limit=limit))

    async def drop_blobs(self, before: float, *, limit: int = 64) -> Dropped:
        """See `ports.retention.Retention.drop_blobs`."""
        return await self._desk.writer.ask(partial(holdings.drop, before=before, limit=limit))

    async def give_back(self, *, limit: int = 256) -> int:
        """See `ports.retention.Retention.give_back`: the pages at the end of the file."""
        return await self._desk.writer.ask(partial(_give_back, limit=limit))


def _forget(changes: Changes, swarm: SwarmId, before: float) -> bool | SkepError:
    row = changes.db.row("SELECT n, status, ended_at FROM swarm WHERE id = ?", (swarm,))
    if row is None:
        return False
    n, status, ended_at = row
    if not is_due(SwarmStatus(status), ended_at, before=before):
        return SwarmKept(swarm=swarm, status=status)
    let_go(changes, n, swarm)
    return True


def let_go(changes: Changes, n: int, swarm: SwarmId) -> None:
    """Take a swarm away; what is left of it is cleared by whoever comes."""
    changes.db.run("INSERT INTO leaving VALUES (?)", (n,))
    changes.db.run("DELETE FROM command WHERE swarm = ?", (swarm,))
    changes.db.run("DELETE FROM departed WHERE swarm = ?", (n,))
    changes.db.run("DELETE FROM swarm WHERE n = ?", (n,))
    changes.db.run(FORGOTTEN)
    changes.topics.add(swarm)


def _clear(changes: Changes, *, limit: int) -> int:
    """Remove rows of the swarm that was forgotten first, and its mark with the last of them."""
    swarm = changes.db.value("SELECT swarm FROM leaving ORDER BY swarm LIMIT 1")
    if swarm is None:
        return 0
    gone = 0
    tasks = "SELECT n FROM task WHERE swarm = ?"
    for table, key, column in OF_TASKS:
        where = f"{column} IN ({tasks})"
        gone += _remove(changes, table, where, key=key, values=(swarm, limit - gone))
    for table, key, column in OF_A_SWARM:
        if gone < limit:  # the tasks go when nothing of theirs is left
            where = f"{column} = ?"
            gone += _remove(changes, table, where, key=key, values=(swarm, limit - gone))
    if gone < limit:
        changes.db.run("DELETE FROM leaving WHERE swarm = ?", (swarm,))
        gone += 1
    return gone


def _remove(changes: Changes, table: str, where: str, *, key: str, values: tuple[int, int]) -> int:
    rows = f"SELECT {key} FROM {table} WHERE {where} LIMIT ?"
    changes.db.run(f"DELETE FROM {table} WHERE ({key}) IN ({rows})", values)
    return int(changes.db.value("SELECT changes()"))


def _give_back(changes: Changes, *, limit: int) -> int:
    before = int(changes.db.value(PAGES))
    changes.db.run(f"PRAGMA incremental_vacuum({int(limit)})")
    page_bytes = int(changes.db.value("PRAGMA page_size"))
    return max(0, before - int(changes.db.value(PAGES))) * page_bytes
