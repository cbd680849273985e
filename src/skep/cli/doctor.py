"""`skep doctor`: looks at everything that Skep stands on, says how to mend it, changes nothing."""

import asyncio
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rich.text import Text

from skep.cli import checks_redis as redis
from skep.cli import checks_sqlite as sqlite
from skep.cli.checks import (
    ACTIVE_SWARMS_MAX,
    Finding,
    Level,
    agent_files,
    fail,
    git,
    is_there,
    movable,
    nearest,
    ok,
    open_gates,
    providers,
    state_folder,
    swept,
    terminal,
    versions,
    warn,
)
from skep.cli.documents import write_json
from skep.cli.failures import FAILED
from skep.cli.options import COMMON, Common
from skep.cli.screen import Screen, clean, open_screen
from skep.compose import MEMORY, REDIS_SCHEMES, system_clock
from skep.lookout import look_into_redis, look_into_sqlite
from skep.ports.inspection import Underway
from skep.records.errors import InvalidInput, SkepError
from skep.settings import Settings, address_of, read_settings, sqlite_path

STYLES: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
URL_MEND: Final = "Say sqlite:///PATH or redis://HOST:PORT/DB, with --store or in SKEP_STORE."

Check = tuple[str, Callable[[], Finding]]
"""What is looked at, and the function that looks."""


async def doctor(*, common: Common = COMMON) -> int:
    """Look at what Skep needs here and in its store, and say how to mend what is wrong."""
    settings, screen = read_settings(store=common.store), open_screen()
    found: list[Finding] = []
    async for finding in examined(settings, screen):
        found.append(finding)
        if not common.json:
            _print(finding, screen)
    if common.json:
        _write(found)
    else:
        screen.out.print(_summary(found))
    return FAILED if _count(found, Level.FAIL) else 0


async def examined(settings: Settings, screen: Screen) -> AsyncGenerator[Finding]:
    """Make every check, one after the other; none that fails hides another."""
    project = settings.state_folder.parent
    encoding, is_ascii = sys.stdout.encoding, screen.is_ascii
    yield await made("versions", versions)
    async for finding in _store(settings):
        yield finding
    for what, check in (
        ("state folder", partial(state_folder, settings.state_folder)),
        ("agent files", partial(agent_files, project)),
        ("git", git),
        ("models", partial(providers, settings)),
        ("terminal", partial(terminal, encoding, is_ascii=is_ascii)),
    ):
        yield await made(what, check)


async def made(what: str, check: Callable[[], Finding]) -> Finding:
    """Make a check on a thread; what it raises is a finding too."""
    try:
        return await asyncio.to_thread(check)
    except SkepError as error:
        return fail(what, error.message, error.hint or "See docs/howto/ask-the-doctor.md.")
    except Exception as error:  # noqa: BLE001 - the edge of one check: the others go on
        told = f"could not be looked at: {type(error).__name__}: {error}"
        return warn(what, told, "Look at it by hand; the other checks stand by themselves.")


async def _store(settings: Settings) -> AsyncGenerator[Finding]:
    """Look at the store, in the way of its kind."""
    url = settings.store
    if url == MEMORY:
        mend = "Name one that outlives the process: --store sqlite:///PATH"
        yield warn("store", "memory: gone with the process that opens it", mend)
        return
    if url.startswith(REDIS_SCHEMES):
        async for finding in _redis(url):
            yield finding
        return
    try:
        path = sqlite_path(url)
    except InvalidInput:
        scheme = url.partition(":")[0]
        yield fail(
            "store",
            f"a URL that begins with {scheme!r} is not known: no work can be stored",
            URL_MEND,
        )
        yield _unseen("no store was found by its URL")
        return
    async for finding in _sqlite(path):
        yield finding


async def _sqlite(path: Path) -> AsyncGenerator[Finding]:
    """Look around a file, then into it."""
    exists = is_there(path)
    note = "there" if exists else "not there yet; the first command makes it"
    yield ok("store", f"sqlite:///{path}: {note}")
    yield ok("durability", "fsynced: survives a power cut")
    checks: Sequence[Check] = (
        ("sqlite", sqlite.library),
        ("store folder", partial(sqlite.folder, path)),
        ("file system", partial(sqlite.file_system, path)),
        ("disk", partial(_disk, path)),
        ("write-ahead log", lambda: sqlite.wal(sqlite.wal_bytes(path))),
        ("wake-ups", partial(sqlite.wake_ups, path)),
    )
    for what, check in checks:
        yield await made(what, check)
    if exists:
        async for finding in _inside(path):
            yield finding


def _disk(path: Path) -> Finding:
    folder = nearest(path.absolute().parent)
    return sqlite.disk(shutil.disk_usage(folder).free, where=folder)


async def _inside(path: Path) -> AsyncGenerator[Finding]:
    """Look into a file that is there."""
    try:
        scans = await asyncio.to_thread(sqlite.is_scannable, path)
        look = await asyncio.to_thread(look_into_sqlite, path, limit=ACTIVE_SWARMS_MAX, scans=scans)
    except (SkepError, OSError) as error:
        mend = "Put a backup in its place, or say another file with --store sqlite:///PATH."
        yield fail("file", str(error), mend)
        yield _unseen("the file cannot be read")
        return
    yield await made("schema", partial(sqlite.schema, look))
    yield await made("quick check", partial(sqlite.whole, look, scanned=scans))
    for what, check in _work(look.underway, system_clock().now()):
        yield await made(what, check)


async def _redis(url: str) -> AsyncGenerator[Finding]:
    """Ask a server about itself."""
    try:
        facts, underway = await look_into_redis(url, limit=ACTIVE_SWARMS_MAX)
    except (SkepError, ValueError, ImportError) as error:
        yield _unreached(url, error)
        yield _unseen("the server was not reached")
        return
    yield ok("store", f"{address_of(url)}: reached")
    server_s, host_s = float(facts["time"]), float(facts["host_time"])
    checks: Sequence[Check] = (
        ("server", partial(redis.version, facts)),
        ("role", partial(redis.role, facts)),
        ("durability", partial(redis.durability, facts)),
        ("append-only file", partial(redis.file_written, facts)),
        ("eviction", partial(redis.eviction, facts)),
        ("memory", partial(redis.memory, facts)),
        ("clocks", partial(redis.clocks, server_s=server_s, host_s=host_s)),
        ("incarnation", partial(redis.incarnation, facts)),
    )
    for what, check in (*checks, *_work(underway, server_s)):
        yield await made(what, check)


def _unreached(url: str, error: Exception) -> Finding:
    """Say why a server did not answer; what Python says of a URL may hold its password."""
    match error:
        case SkepError():
            mend = "Start the server, mend the address or password, or say another with --store."
            return fail("store", f"{address_of(url)}: {error.message}", error.hint or mend)
        case ImportError():
            mend = "Install it with: pip install 'skep[redis]'"
            return fail("store", "the package 'redis' is not installed", mend)
        case _:
            return fail("store", "this URL of a Redis makes no sense", URL_MEND)


def _work(underway: Underway | None, now_s: float) -> Sequence[Check]:
    """The checks of what is in a store, whatever its kind."""
    if underway is None:
        return (("in the store", partial(_unseen, "it is broken or has another schema")),)
    return (
        ("swarms", partial(movable, underway)),
        ("leases", partial(swept, underway, now_s=now_s)),
        ("gates", partial(open_gates, underway, now_s=now_s)),
    )


def _unseen(why: str) -> Finding:
    return warn("in the store", f"not looked at: {why}", "Mend that first, and ask again.")


def _print(finding: Finding, screen: Screen) -> None:
    level = (f"{finding.level:<5}", STYLES[finding.level])
    line = Text.assemble(level, f"{finding.what:<17}", clean(finding.found))
    screen.out.print(line, soft_wrap=True)
    if finding.mend:
        screen.out.print(Text(f"     mend: {clean(finding.mend)}", "bold"), soft_wrap=True)


def _summary(found: Sequence[Finding]) -> str:
    fails, warns = _count(found, Level.FAIL), _count(found, Level.WARN)
    return f"{len(found)} checks: {fails} FAIL, {warns} warn"


def _write(found: Sequence[Finding]) -> None:
    write_json({
        "ok": not _count(found, Level.FAIL),
        "checks": [
            {"level": each.level, "what": each.what, "found": each.found, "mend": each.mend}
            for each in found
        ],
    })  # fmt: skip


def _count(found: Sequence[Finding], level: Level) -> int:
    return sum(each.level is level for each in found)
