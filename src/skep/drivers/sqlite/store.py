"""The SQLite store: all ports over one file."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self

from skep.drivers.bell import Bell, Watch
from skep.drivers.sqlite import reading
from skep.drivers.sqlite.census import SqliteCensus
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.connection import connect, migrate, migrations
from skep.drivers.sqlite.db import Db
from skep.drivers.sqlite.directory import SqliteDirectory
from skep.drivers.sqlite.disputes import SqliteDisputes
from skep.drivers.sqlite.gates import SqliteGates
from skep.drivers.sqlite.hints import Hints
from skep.drivers.sqlite.mailbox import SqliteMailbox
from skep.drivers.sqlite.placing import SqlitePlacing
from skep.drivers.sqlite.pools import SqlitePools
from skep.drivers.sqlite.ports import (
    Desk,
    SqliteApprovals,
    SqliteBlobs,
    SqliteJournal,
    SqliteLeases,
    SqliteLog,
    SqliteRegistry,
    SqliteWork,
)
from skep.drivers.sqlite.retention import SqliteRetention
from skep.drivers.sqlite.states import SqliteStates
from skep.drivers.sqlite.terms import SqliteTerms
from skep.drivers.sqlite.threads import Reader, Writer
from skep.ports.inspection import Dump
from skep.ports.store import Durability
from skep.ports.system import Chance, Clock
from skep.records.ids import TaskRef

SAFETY_POLL_S: Final = 2.0
"""How often a waiting call asks whether another process wrote, should its hints be lost."""


class SqliteStore:
    """A store in one file; open it by `SqliteStore.open`, close it as a context manager."""

    durability = Durability.FSYNCED

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.work = SqliteWork(desk)
        self.leases = SqliteLeases(desk)
        self.journal = SqliteJournal(desk)
        self.approvals = SqliteApprovals(desk)
        self.log = SqliteLog(desk)
        self.registry = SqliteRegistry(desk)
        self.blobs = SqliteBlobs(desk)
        self.retention = SqliteRetention(desk)
        self.gates = SqliteGates(desk)
        self.mailbox = SqliteMailbox(desk)
        self.terms = SqliteTerms(desk)
        self.census = SqliteCensus(desk)
        self.placing = SqlitePlacing(desk)
        self.pools = SqlitePools(desk)
        self.states = SqliteStates(desk)
        self.disputes = SqliteDisputes(desk)
        self.directory = SqliteDirectory(desk)

    @classmethod
    async def open(
        cls, path: Path, *, clock: Clock, chance: Chance, hints: Path | None = None
    ) -> Self:
        """Open the file, making it or bringing it to the newest schema first.

        `hints` is the folder in which the processes of this file wake each other, which only
        their user may enter. Raises `StoreUnavailable`, `StoreTooNew` or `StoreUnsafe`.
        """
        bell = Bell()
        wake = Hints(hints, bell, clock=clock, chance=chance)
        make = partial(_desk, path, clock, chance, bell=bell, hints=wake)
        return cls(await asyncio.get_running_loop().run_in_executor(None, make))

    @property
    def incarnation(self) -> str:
        """Which life of the store this is."""
        return self._desk.incarnation

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._desk.writer.close()
        await self._desk.reader.close()
        self._desk.hints.close()

    async def dump(self) -> Dump:
        """See `ports.inspection.Inspectable.dump`."""
        incarnation = self.incarnation
        return await self._desk.reader.ask(lambda db: reading.dump(db, incarnation=incarnation))

    async def forget_tasks(self, refs: Sequence[TaskRef]) -> None:
        """See `ports.inspection.Inspectable.forget_tasks`."""
        await self._desk.writer.ask(lambda changes: _forget_tasks(changes, refs))

    async def forget_queues(self) -> None:
        """See `ports.inspection.Inspectable.forget_queues`."""
        await self._desk.writer.ask(_forget_queues)


def _desk(path: Path, clock: Clock, chance: Chance, *, bell: Bell, hints: Hints) -> Desk:
    writing, reading_ = connect(path), None
    try:
        migrate(writing, path, migrations())
        writing.rows("INSERT OR IGNORE INTO meta VALUES ('incarnation', ?)", (chance.uuid(),))
        incarnation = str(writing.value("SELECT value FROM meta WHERE name = 'incarnation'"))
        reading_ = connect(path)
    except BaseException:
        writing.close()
        raise
    reader = Reader(reading_)
    version = partial(reader.ask, _version)
    return Desk(
        writer=Writer(writing, clock, hints.tell),
        reader=reader,
        watch=Watch(bell=bell, clock=clock, poll_s=SAFETY_POLL_S, version=version),
        hints=hints,
        chance=chance,
        incarnation=incarnation,
    )


def _version(db: Db) -> int:
    """A number that is another one whenever another connection, of any process, has committed."""
    return int(db.value("PRAGMA data_version"))


def _forget_queues(changes: Changes) -> None:
    changes.db.run("DELETE FROM lane")
    changes.db.run("DELETE FROM seat")


def _forget_tasks(changes: Changes, refs: Sequence[TaskRef]) -> None:
    named = "key = ? AND swarm = (SELECT n FROM swarm WHERE id = ?)"
    rows = [(ref.key, ref.swarm) for ref in refs]
    changes.db.run_many(f"DELETE FROM task WHERE {named}", rows)
