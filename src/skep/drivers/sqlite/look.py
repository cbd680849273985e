"""Looking into a file for the doctor, by a connection that cannot write."""

from contextlib import closing
from pathlib import Path

import apsw

from skep.drivers.sqlite import reading
from skep.drivers.sqlite.connection import (
    NETWORK_FILE_SYSTEMS,
    SQLITE_FLOOR,
    file_system,
    migrations,
)
from skep.drivers.sqlite.db import Db
from skep.drivers.sqlite.passing import every_gate
from skep.ports.inspection import FileLook, is_at_work, underway
from skep.records.errors import StoreUnavailable
from skep.records.swarm import SwarmStatus


def library() -> tuple[str, str]:
    """The version of the SQLite library here, and the oldest one that is trusted with a store."""
    return apsw.sqlite_lib_version(), ".".join(map(str, SQLITE_FLOOR))


def network_file_system(path: Path) -> str:
    """Name the network file system that a path is or will be on; empty when it is a local one."""
    kind = file_system(path)
    return kind if kind in NETWORK_FILE_SYSTEMS else ""


def look_into(path: Path, *, limit: int, scans: bool) -> FileLook:
    """Look into a file, by a connection that cannot write; `scans` reads all of it.

    Nothing is left beside a file that nobody has open: it is read as one that cannot change, and
    once more when a flaw was seen while somebody opened it.

    Raises `StoreUnavailable` for what cannot be opened or is no database.
    """
    flaw, found_underway, known = "", None, len(migrations())
    is_open = _is_open(path)
    uri = f"{path.absolute().as_uri()}?immutable={int(not is_open)}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with closing(Db(apsw.Connection(uri, flags=flags))) as db:
            schema = int(db.value("PRAGMA user_version"))
            try:
                found = str(db.value("PRAGMA quick_check(1)")) if scans else "ok"
                flaw = "" if found == "ok" else found
                if schema == known and not flaw:
                    active = SwarmStatus.ACTIVE
                    swarms = reading.swarms(db, status=active, before=None, limit=limit)
                    at_work = [each.id for each in swarms if is_at_work(each)]
                    tasks = [reading.tasks(db, each) for each in at_work]
                    found_underway = underway(swarms, tasks, every_gate(db))
            except apsw.Error as error:
                flaw = str(error)
    except apsw.Error as error:
        raise StoreUnavailable(f"The file cannot be read as a store: {error}.") from error
    if flaw and not is_open and _is_open(path):
        return look_into(path, limit=limit, scans=scans)
    return FileLook(schema=schema, schema_known=known, flaw=flaw, underway=found_underway)


def _is_open(path: Path) -> bool:
    """Say whether a file has a write-ahead log: somebody has it open, or did when killed."""
    return path.with_name(f"{path.name}-wal").exists()
