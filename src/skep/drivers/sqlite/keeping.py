"""Backing a file up while others write to it, and restoring one that nobody has open.

A backup is made by VACUUM INTO: one read of one moment, which holds no writer up (the write-ahead
log grows meanwhile), and a copy without the pages that are free.

A restore prepares a copy of the backup beside the place: brought to the newest schema, with a new
incarnation and without holders. Where there is no store yet, the copy is renamed. Where there is
one, its pages are overwritten in one transaction of SQLite, never the file itself: whoever waited
for the old file's lock would go on in a file that has no name any more. That nobody has it open is
known from leaving WAL mode, which SQLite refuses while there is another connection; then the lock
is kept to the end.
"""

import asyncio
import shutil
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import apsw

from skep.drivers.landing import landing, scratch
from skep.drivers.sqlite import electing, leases
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.connection import connect, migrate, migrations
from skep.drivers.sqlite.db import Db
from skep.ports.keeping import RESTORED, BackedUp, Restored
from skep.ports.system import Chance, Clock
from skep.records.errors import (
    BackupUnusable,
    InvalidInput,
    StoreInUse,
    StoreNotEmpty,
    StoreTooNew,
    StoreUnavailable,
)
from skep.records.task import TaskMove

MAGIC: Final = b"SQLite format 3\0"
HURRY_MS: Final = 300
"""How long another connection is waited for before the store counts as open."""

BACKED_UP_AT: Final = "SELECT value FROM meta WHERE name = 'backed_up_at'"
ALL_PAGES: Final = -1


class SqliteKeeper:
    """Backs a file up and restores it."""

    def __init__(self, path: Path, *, clock: Clock, chance: Chance) -> None:
        self._path = path
        self._clock = clock
        self._chance = chance

    async def back_up(self, target: Path) -> BackedUp:
        """See `ports.keeping.Keepable.back_up`."""
        return await asyncio.to_thread(self._back_up, target)

    async def restore(self, source: Path, *, force: bool) -> Restored:
        """See `ports.keeping.Keepable.restore`."""
        return await asyncio.to_thread(self._restore, source, force)

    def _back_up(self, target: Path) -> BackedUp:
        if not self._path.exists():
            raise StoreUnavailable(f"There is no store at {self._path}.")
        if target.exists():
            _check_replaceable(target, self._path)
        at = self._clock.now()
        with landing(target, token=self._chance.uuid(), replaces=True) as beside:
            with closing(connect(self._path)) as db:
                _check_schema(db, self._path)
                db.run("VACUUM INTO ?", (str(beside),))
            with closing(_opened(beside)) as copy:
                copy.run("INSERT OR REPLACE INTO meta VALUES ('backed_up_at', ?)", (repr(at),))
                _check_whole(copy, self._path)
                return BackedUp(
                    swarms=int(copy.value("SELECT count(*) FROM swarm")),
                    contents=int(copy.value("SELECT count(*) FROM blob")),
                    size_bytes=beside.stat().st_size,
                    incarnation=str(_incarnation(copy)),
                    at=at,
                )

    def _restore(self, source: Path, force: bool) -> Restored:  # noqa: FBT001 - handed to a thread
        _check_source(source)
        is_there = self._path.exists()
        if is_there and not force:
            raise StoreNotEmpty(
                f"There is a store at {self._path} already.",
                hint="Say another --store, or --force to replace it; a copy is kept beside it.",
            )
        if not is_there:
            with landing(self._path, token=self._chance.uuid(), replaces=False) as beside:
                return self._prepare(source, beside)
        with _alone(self._path) as old:
            aside = self._path.with_name(f"{self._path.name}.bak-{self._chance.uuid()}")
            with landing(aside, token=self._chance.uuid(), replaces=False) as beside:
                _copy_pages(old, beside)
            replaced = _count(old)
            with scratch(self._path, token=self._chance.uuid()) as beside:
                restored = self._prepare(source, beside)
                with closing(_connection(beside)) as prepared:
                    electing.carry_term(Db(old), Db(prepared))
                    _overwrite(old, prepared)
        return replace(restored, replaced=replaced, aside=aside)

    def _prepare(self, source: Path, beside: Path) -> Restored:
        """Make of a backup what the store will be, in a file that nobody knows yet."""
        shutil.copyfile(source, beside)
        beside.chmod(0o600)
        with closing(connect(beside)) as db:
            migrate(db, beside, migrations())
            return self._open_anew(db)

    def _open_anew(self, db: Db) -> Restored:
        """Begin a new incarnation: nobody holds anything, and the queues are built anew."""
        now, incarnation = self._clock.now(), self._chance.uuid()
        made_at = db.value(BACKED_UP_AT)
        backed_up_at = float(made_at) if made_at is not None else None
        db.run("BEGIN IMMEDIATE")
        db.run("DELETE FROM meta WHERE name = 'backed_up_at'")
        db.run("UPDATE meta SET value = ? WHERE name = 'incarnation'", (incarnation,))
        _forgive_time(db, max(0.0, now - backed_up_at) if backed_up_at is not None else 0.0)
        changes = Changes(db, at=now, incarnation=incarnation)
        held = changes.lines("status = 'running' ORDER BY swarm, ordinal", ())
        for line in held:
            told = {"reason": RESTORED}
            changes.move(line, TaskMove.HAND_BACK, told={**told}, nonce="", reason=RESTORED)
        changes.flush()
        leases.reconcile(changes)
        changes.flush()
        db.run("COMMIT")
        return Restored(
            swarms=int(db.value("SELECT count(*) FROM swarm")),
            handed_back=len(held),
            incarnation=incarnation,
            backed_up_at=backed_up_at,
        )


def is_store(path: Path) -> bool:
    """Say whether a file is one of SQLite's, whoever wrote it."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _forgive_time(db: Db, away_s: float) -> None:
    """Let the time for which the store lay in a backup be no part of a swarm's time-out."""
    live = "deadline IS NOT NULL AND ended_at IS NULL"
    db.run(f"UPDATE swarm SET deadline = deadline + ? WHERE {live}", (away_s,))


def _check_replaceable(target: Path, store: Path) -> None:
    """Let a backup replace an earlier one, and nothing else."""
    if target.is_file() and not target.samefile(store) and is_store(target):
        with closing(_opened(target, is_readonly=True)) as db:
            try:
                if db.value(BACKED_UP_AT) is not None:
                    return
            except apsw.Error:
                pass
    raise BackupUnusable(
        f"{target} is there already, and is no backup that could be replaced.",
        hint="Say another file.",
    )


def _check_source(source: Path) -> None:
    """Refuse what is no store of ours, what is broken, and what somebody still writes to."""
    if not source.is_file():
        raise BackupUnusable(f"There is no file {source}.")
    if not is_store(source):
        raise BackupUnusable(
            f"{source} is no backup of a SQLite store.",
            hint="A backup is restored into a store of the kind that it was made of.",
        )
    if source.with_name(f"{source.name}-wal").exists():
        raise BackupUnusable(
            f"{source} is open, or was not closed, so it is not all in this file.",
            hint="Make a backup of it with `skep store backup`, and restore that.",
        )
    with closing(_opened(source, is_readonly=True)) as db:
        _check_schema(db, source)
        _check_whole(db, source)


def _check_schema(db: Db, path: Path) -> None:
    version, known = _asked(lambda: int(db.value("PRAGMA user_version")), path), len(migrations())
    if version > known:
        raise StoreTooNew(
            f"{path} has schema {version}; this Skep knows up to {known}.",
            hint="Use the Skep that wrote it, or a newer one.",
        )
    if version < 1 or _asked(lambda: _incarnation(db), path) is None:
        raise BackupUnusable(f"{path} is no store of Skep's.")


def _check_whole(db: Db, path: Path) -> None:
    found = _asked(lambda: str(db.value("PRAGMA integrity_check(1)")), path)
    # SQLite takes the missing end of the last page for zeros, which may well be within a text.
    if path.stat().st_size % _asked(lambda: int(db.value("PRAGMA page_size")), path):
        found = "its last page is cut short"
    if found != "ok":
        raise BackupUnusable(f"{path} is damaged: {found}.", hint="Use an earlier backup.")


def _asked(ask: Callable[[], Any], path: Path) -> Any:
    try:
        return ask()
    except apsw.Error as error:
        raise BackupUnusable(
            f"{path} cannot be read as a store of Skep's: {error}.", hint="Use an earlier backup."
        ) from error


def _incarnation(db: Db) -> str | None:
    return db.value("SELECT value FROM meta WHERE name = 'incarnation'")


@contextmanager
def _alone(path: Path) -> Generator[apsw.Connection]:
    """Hold a store so that nobody else can open it; raises `StoreInUse` when somebody has it."""
    try:
        connection = _connection(path)
        db = Db(connection)
        connection.set_busy_timeout(HURRY_MS)
        db.run("PRAGMA journal_mode = delete")
        db.run("PRAGMA locking_mode = exclusive")
        db.run("BEGIN EXCLUSIVE; COMMIT")
    except apsw.BusyError:
        raise StoreInUse(
            f"The store {path} is open in another process.",
            hint="Stop the workers and runs that use it, then restore again.",
        ) from None
    except apsw.Error as error:
        raise StoreUnavailable(
            f"The store {path} cannot be opened to be replaced: {error}.",
            hint="Move it away, with its -wal and -shm files, then restore again.",
        ) from error
    with closing(connection):
        yield connection


def _copy_pages(old: apsw.Connection, beside: Path) -> None:
    """Copy a store page by page, whole or broken."""
    with closing(_connection(beside)) as copy:
        _overwrite(copy, old)


def _overwrite(target: apsw.Connection, source: apsw.Connection) -> None:
    with target.backup("main", source, "main") as copying:
        copying.step(ALL_PAGES)


def _count(connection: apsw.Connection) -> int:
    try:
        return int(Db(connection).value("SELECT count(*) FROM swarm"))
    except apsw.Error:
        return 0  # it is replaced because it is broken


def _connection(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)


def _opened(path: Path, *, is_readonly: bool = False) -> Db:
    if not is_readonly:
        return Db(_connection(path))
    uri = f"{path.absolute().as_uri()}?immutable=1"
    try:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        return Db(apsw.Connection(uri, flags=flags))
    except apsw.Error as error:
        raise InvalidInput(f"{path} cannot be opened: {error}.") from error
