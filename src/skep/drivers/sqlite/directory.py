"""The SQLite store's directory."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Column, Db
from skep.drivers.sqlite.lines import SWARM_SEEN, swarm_of
from skep.drivers.sqlite.ports import Desk
from skep.drivers.sqlite.retention import let_go
from skep.records.directory import (
    EVERY_SWARM,
    Archived,
    Departed,
    Statistics,
    SwarmFilter,
    Tally,
    archived_from,
    archived_text,
)
from skep.records.errors import SkepError, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.swarm import ENDED, Swarm, SwarmStatus

WAYS: Final = {
    "status": "status = ?",
    "strategy": "json_extract(request, '$.strategy') = ?",
    "mode": "json_extract(request, '$.mode') = ?",
    "phase": "json_extract(request, '$.metadata.phase') = ?",
}
"""How a swarm is found by each thing that a filter may name; every one has an index."""

COUNT: Final = (
    "INSERT INTO tally VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET number = number + ?2"
)


class SqliteDirectory:
    """Swarms by what they are, figures, and the archive."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def find(
        self, meant: SwarmFilter = EVERY_SWARM, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """See `ports.directory.Directory.find`."""
        return await self._desk.reader.ask(partial(_find, meant=meant, before=before, limit=limit))

    async def statistics(self) -> Statistics:
        """See `ports.directory.Directory.statistics`."""
        return await self._desk.reader.ask(_statistics)

    async def tally(self, counted: Mapping[Tally, int]) -> None:
        """See `ports.directory.Directory.tally`."""
        rows = list(counted.items())
        await self._desk.writer.ask(lambda changes: changes.db.run_many(COUNT, rows), lazily=True)

    async def deregister(
        self, swarms: Sequence[SwarmId], outcome: str
    ) -> Sequence[bool | SkepError]:
        """See `ports.directory.Directory.deregister`."""
        return await self._desk.writer.ask(
            lambda changes: [_deregister(changes, swarm, outcome) for swarm in swarms]
        )

    async def departed(self, before: float, *, limit: int = 50) -> Sequence[Departed]:
        """See `ports.directory.Directory.departed`."""
        return await self._desk.reader.ask(partial(_departed, before=before, limit=limit))

    async def archive(self, records: Sequence[Archived], *, keep_s: float) -> Sequence[bool]:
        """See `ports.directory.Directory.archive`."""
        del keep_s
        return await self._desk.writer.ask(
            lambda changes: [_archive(changes, record) for record in records]
        )

    async def archived(
        self, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Archived]:
        """See `ports.directory.Directory.archived`."""
        sql = "SELECT record FROM archive WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2"
        rows = await self._desk.reader.ask(lambda db: db.rows(sql, (before, limit)))
        return [archived_from(text) for (text,) in rows]

    async def expire(self, before: float, *, limit: int = 256) -> int:
        """See `ports.directory.Directory.expire`."""
        return await self._desk.writer.ask(partial(_expire, before=before, limit=limit))


def _find(db: Db, *, meant: SwarmFilter, before: SwarmId | None, limit: int) -> list[Swarm]:
    asked = {name: getattr(meant, name) for name in WAYS if getattr(meant, name) is not None}
    where, values = [WAYS[name] for name in asked], cast("list[Column]", [*asked.values()])
    if before is not None:
        where, values = [*where, "id < ?"], [*values, before]
    told = f" WHERE {' AND '.join(where)}" if where else ""
    sql = f"SELECT {SWARM_SEEN} FROM swarm{told} ORDER BY id DESC LIMIT ?"
    return [swarm_of(row) for row in db.rows(sql, (*values, limit))]


def _statistics(db: Db) -> Statistics:
    statuses = {
        SwarmStatus(status): int(count)
        for status, count in db.rows("SELECT status, count(*) FROM swarm GROUP BY status")
    }
    tallies = dict[str, int]([cast("Any", row) for row in db.rows("SELECT * FROM tally")])
    return Statistics(
        registered=sum(statuses.values()) + tallies.get(Tally.FORGOTTEN, 0),
        live=sum(count for status, count in statuses.items() if status not in ENDED),
        by_status=statuses,
        archived=db.value("SELECT count(*) FROM archive"),
        recoveries=tallies.get(Tally.RECOVERIES, 0),
        tasks_distributed=tallies.get(Tally.TASKS_DISTRIBUTED, 0),
        messages_sent=db.value("SELECT seq FROM sqlite_sequence WHERE name = 'message'") or 0,
        state_errors=tallies.get(Tally.STATE_ERRORS, 0),
    )


def _deregister(changes: Changes, swarm: SwarmId, outcome: str) -> bool | SkepError:
    n = changes.db.value("SELECT n FROM swarm WHERE id = ?", (swarm,))
    if n is None:
        return SwarmNotFound(swarm=swarm)
    row = (n, outcome, changes.at)
    changes.db.run("INSERT OR IGNORE INTO departed VALUES (?, ?, ?)", row)
    return bool(changes.db.value("SELECT changes()"))


def _departed(db: Db, *, before: float, limit: int) -> list[Departed]:
    sql = (
        f"SELECT (SELECT outcome FROM departed WHERE departed.swarm = swarm.n), {SWARM_SEEN}"
        " FROM swarm WHERE n IN (SELECT swarm FROM departed) AND ended_at < ? ORDER BY id LIMIT ?"
    )
    rows = db.rows(sql, (before, limit))
    return [Departed(swarm=swarm_of(row), outcome=outcome) for outcome, *row in rows]


def _archive(changes: Changes, record: Archived) -> bool:
    sql = (
        "SELECT n FROM swarm JOIN departed ON departed.swarm = swarm.n"
        " WHERE id = ? AND seq = ? AND ended_at IS NOT NULL"
    )
    n = changes.db.value(sql, (record.id, record.seq))
    if n is None:
        return False
    let_go(changes, n, record.id)
    row = (record.id, changes.at, archived_text(record))
    changes.db.run("INSERT OR REPLACE INTO archive VALUES (?, ?, ?)", row)
    return True


def _expire(changes: Changes, *, before: float, limit: int) -> int:
    over = "SELECT id FROM archive WHERE at < ? ORDER BY at, id LIMIT ?"
    changes.db.run(f"DELETE FROM archive WHERE id IN ({over})", (before, limit))
    return int(changes.db.value("SELECT changes()"))
