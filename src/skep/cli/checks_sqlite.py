"""What the doctor looks at around a SQLite store and, by a connection that cannot write, in it."""

import os
from pathlib import Path
from typing import Final

from skep.cli.checks import Finding, fail, is_there, is_writable, nearest, ok, warn
from skep.compose import hints_folder
from skep.lookout import network_file_system, sqlite_library
from skep.ports.inspection import FileLook

DISK_FREE_WARN_BYTES: Final = 1024**3
"""With less room than this the doctor warns."""

DISK_FREE_FAIL_BYTES: Final = 50 * 1024**2
"""With less room than this a store may have to stop in the middle of the work."""

WAL_WARN_BYTES: Final = 64 * 1024**2
"""A write-ahead log over this size is held up by somebody who reads and does not end."""

SOCKET_FOLDER_BYTES_MAX: Final = 80
"""The path of a socket has room for 104 bytes at least, and its name takes up to 22."""

POLL_S: Final = 2
"""How often a process looks by itself for what another one has written."""

SCAN_BYTES_MAX: Final = 4 * 1024**3
"""A larger file is not read from end to end."""


def library() -> Finding:
    """Look at the version of the SQLite library."""
    version, floor = sqlite_library()
    if _numbers(version) < _numbers(floor):
        mend = "Install the apsw wheel, which brings its own SQLite."
        return fail("sqlite", f"{version}, older than {floor}: it can corrupt a store", mend)
    return ok("sqlite", f"library {version}, at least {floor}")


def folder(path: Path) -> Finding:
    """Look whether the file and those beside it can be written."""
    here = nearest(path.absolute().parent)
    refused = [each for each in (here, path) if is_there(each) and not is_writable(each)]
    if refused or not here.is_dir():
        locked = (*refused, here)[0]
        mend = f"Give it to this user (chown, chmod u+rwx {locked}), or say another --store."
        return fail("store folder", f"{locked} is not writable for this user", mend)
    return ok("store folder", f"{here}: writable")


def file_system(path: Path) -> Finding:
    """Look whether the file is on this host, where its locks hold."""
    if kind := network_file_system(path):
        mend = "Say a local file with --store sqlite:///PATH, or share a Redis."
        return fail("file system", f"{kind}, a network file system, where SQLite corrupts", mend)
    return ok("file system", "local")


def disk(free_bytes: int, *, where: Path = Path()) -> Finding:
    """Look at the room that is left on the disk, of which `where` is a folder."""
    found = f"{sized(free_bytes)} free"
    mend = (
        f"Free some of the disk: du -xh {where} | sort -h | tail;"
        " or say a store on another: --store sqlite:///PATH"
    )
    if free_bytes < DISK_FREE_FAIL_BYTES:
        found += f", less than {sized(DISK_FREE_FAIL_BYTES)}: a full disk stops all work"
        return fail("disk", found, mend)
    if free_bytes < DISK_FREE_WARN_BYTES:
        return warn("disk", f"{found}, less than {sized(DISK_FREE_WARN_BYTES)}", mend)
    return ok("disk", found)


def wal(size_bytes: int) -> Finding:
    """Look at the size of the write-ahead log."""
    if size_bytes > WAL_WARN_BYTES:
        mend = "End the process that has read the file for so long; the next commit cuts the log."
        return warn("write-ahead log", f"{sized(size_bytes)}, over {sized(WAL_WARN_BYTES)}", mend)
    return ok("write-ahead log", sized(size_bytes))


def wake_ups(path: Path) -> Finding:
    """Look whether the processes of a file can wake each other, and how many wait to be."""
    folder = hints_folder(path)
    late = f"work of other processes is seen after up to {POLL_S} s"
    if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES_MAX:
        mend = "Set TMPDIR to a shorter folder of your own."
        return warn("wake-ups", f"{folder} is too long for a socket: {late}", mend)
    here = nearest(folder)
    is_ours = here not in (folder, folder.parent) or here.stat().st_uid == os.getuid()
    if not (is_ours and here.is_dir() and is_writable(here)):
        mend = f"Remove {here}, or set TMPDIR to a folder of your own."
        return warn("wake-ups", f"{here} is not this user's: {late}", mend)
    waiting = len(list(folder.iterdir())) if here == folder else 0
    return ok("wake-ups", f"{folder}: {waiting} waiting")


def is_scannable(path: Path) -> bool:
    """Say whether a file is small enough to be read from end to end."""
    return path.stat().st_size <= SCAN_BYTES_MAX


def wal_bytes(path: Path) -> int:
    """The size of a store's write-ahead log; 0 when there is none."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0


def schema(look: FileLook) -> Finding:
    """Look whether this Skep understands the file."""
    if look.schema > look.schema_known:
        found = f"version {look.schema}; this Skep knows up to {look.schema_known}"
        return fail("schema", found, "Use the Skep that wrote it, or a newer one.")
    if look.schema < look.schema_known:
        said = f"version {look.schema}; the next command makes it {look.schema_known}"
        return ok("schema", said)
    return ok("schema", f"version {look.schema}")


def whole(look: FileLook, *, scanned: bool) -> Finding:
    """Look whether the file is whole."""
    if look.flaw:
        mend = "Stop the workers, put a backup in the file's place, and keep the broken one."
        return fail("quick check", look.flaw, mend)
    if not scanned:
        mend = "When there is time for it: sqlite3 FILE 'PRAGMA quick_check'"
        return warn("quick check", f"not made: the file is over {sized(SCAN_BYTES_MAX)}", mend)
    return ok("quick check", "the file is whole")


def sized(count: int) -> str:
    """Write a number of bytes as people read it.

    >>> sized(300), sized(52_428_800), sized(3_221_225_472)
    ('300 B', '50.0 MiB', '3.0 GiB')
    """
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count >= 1024**power:
            return f"{count / 1024**power:.1f} {unit}"
    return f"{count} B"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
