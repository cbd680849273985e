"""Opening the file: safe settings, a known schema, and a refusal where neither can be had."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from skep.drivers.sqlite.db import Db
from skep.records.errors import StoreTooNew, StoreUnavailable, StoreUnsafe

SQLITE_FLOOR: Final = (3, 51, 3)
"""Older libraries can corrupt a WAL that two connections checkpoint at once (docs/adr/0005)."""

BUSY_S: Final = 5.0
"""How long a transaction waits for another process's lock before it is tried again."""

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.glusterfs", "ceph"}
)
MOUNTS: Final = Path("/proc/mounts")

PRAGMAS: Final = (
    ("journal_mode", "wal"),
    ("synchronous", "full"),
    ("journal_size_limit", str(32 * 1024 * 1024)),
    ("temp_store", "memory"),
    ("cache_size", "-16000"),
)

OF_A_NEW_FILE: Final = (("auto_vacuum", "incremental"),)
"""Said before the first table, or never: what is forgotten can then leave the file as well."""


def connect(path: Path) -> Db:
    """Open a connection with safe settings; the file is made when it is not there.

    Raises `StoreUnsafe` on a network file system or an old SQLite, `StoreUnavailable` when the
    file cannot be opened or is no database.
    """
    _refuse_unsafe(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists() or path.stat().st_size == 0
        connection = apsw.Connection(str(path), statementcachesize=200)
        connection.set_busy_timeout(int(BUSY_S * 1000))
        # Plans do not depend on what is bound: else many a statement is compiled anew at each run.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        for name, value in (*(OF_A_NEW_FILE if is_new else ()), *PRAGMAS):
            # Each on its own, and read to its end: a pragma that returns a row stops the rest.
            Db(connection).run(f"PRAGMA {name} = {value}")
    except (apsw.Error, OSError) as error:
        raise StoreUnavailable(
            f"The store {path} cannot be opened: {error}.",
            hint="Say another file with --store sqlite:///PATH, or mend its folder.",
        ) from error
    return Db(connection)


def migrations() -> Sequence[str]:
    """Read the schema's scripts; the first makes version 1 of an empty file."""
    folder = resources.files("skep.drivers.sqlite") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text() for name in names]


def migrate(connection: Db, path: Path, scripts: Sequence[str]) -> None:
    """Bring the file to the newest schema, with a copy of the old one beside it.

    Raises `StoreTooNew`, and changes nothing, when a newer Skep wrote the file.
    """
    version = _version(connection)
    if version == len(scripts):
        return
    if version > len(scripts):
        raise StoreTooNew(
            f"The store {path} has schema {version}; this Skep knows up to {len(scripts)}.",
            hint="Use the Skep that wrote it, or a newer one.",
        )
    if version:
        _back_up(connection, path.with_name(f"{path.name}.v{version}.bak"))
    with _exclusive(connection):
        for script in scripts[_version(connection) :]:
            connection.run(script)
        connection.run(f"PRAGMA user_version = {len(scripts)}")


class _exclusive:  # noqa: N801 - reads as a statement
    """One immediate transaction, rolled back when its body raises."""

    def __init__(self, connection: Db) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.run("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *rest: object) -> None:
        self._connection.run("ROLLBACK" if kind else "COMMIT")


def _version(connection: Db) -> int:
    return int(connection.value("PRAGMA user_version"))


def _back_up(connection: Db, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    connection.run("VACUUM INTO ?", (str(copy),))


def _refuse_unsafe(path: Path) -> None:
    if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < SQLITE_FLOOR:
        raise StoreUnsafe(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a store with several connections.",
            hint="Install the apsw wheel, which brings its own SQLite.",
        )
    kind = file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StoreUnsafe(
            f"The store {path} is on a network file system ({kind}), where SQLite corrupts.",
            hint="Say a local file with --store sqlite:///PATH.",
        )


def file_system(path: Path) -> str:
    """Name the type of the file system that `path` is or will be on; empty when unknown."""
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    # Each line of /proc/mounts is: device, folder, type, options.
    mounts = {Path(folder): kind for _, folder, kind, *_ in map(str.split, lines)}
    here = path.absolute()
    return next((mounts[parent] for parent in (here, *here.parents) if parent in mounts), "")
