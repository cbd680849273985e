"""`skep doctor`: each fault is caused for real, found, and comes with the line that mends it."""

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import pytest
from tests.cli.shell import Shell, files_into
from tests.redis.conftest import written
from tests.servers import RedisProcess

from skep.cli import checks, checks_redis, checks_sqlite
from skep.cli.checks import Finding, Level
from skep.cli.doctor import examined
from skep.cli.screen import open_screen
from skep.compose import hints_folder, open_store
from skep.drivers.redis.wire import Wire
from skep.drivers.sqlite import connection
from skep.lookout import look_into_sqlite
from skep.records.outcome import Blocked, Settlement
from skep.settings import Settings
from skep.testing.samples import offer, submission, task

NOBODY: Final = 65534
DAY_S: Final = 86_400.0
Found = Mapping[str, Finding]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a folder without a store."""
    return settings_of(tmp_path)


def settings_of(folder: Path, store: str = "") -> Settings:
    """Settings as they are read in a folder, with no environment."""
    state = folder / ".skep"
    return Settings(state_folder=state, store=store or f"sqlite:///{state / 'skep.db'}")


async def ask(settings: Settings) -> Found:
    """Make every check."""
    return {each.what: each async for each in examined(settings, open_screen())}


async def open_once(settings: Settings) -> Path:
    """Make a store; gives its file."""
    async with await open_store(settings):
        return settings.state_folder / "skep.db"


async def test_a_healthy_store_passes(shell: Shell) -> None:
    """After a run everything is ok, and the exit code says so."""
    assert shell.skep("run", "Look for secrets and TODO markers").code == 0

    asked = shell.skep("doctor")

    assert asked.code == 0, asked.out
    assert "FAIL " not in asked.out
    assert "ok   quick check      the file is whole" in asked.out
    assert "ok   durability       fsynced" in asked.out
    assert "0 FAIL" in asked.out.splitlines()[-1]


def test_the_document_holds_every_check_and_no_secret(shell: Shell) -> None:
    """--json is one document, a fault makes the exit code 1, and no value of a key is in it."""
    key = "sk-" + "not-to-be-seen"

    asked = shell.skep("doctor", "--json", "--store", "mysql://u:pass@h/d", OPENAI_API_KEY=key)

    levels = {each["what"]: each["level"] for each in asked.json["checks"]}
    assert asked.code == 1
    assert asked.json["ok"] is False
    assert levels["store"] == "FAIL"
    assert levels["versions"] == "ok"
    assert key not in asked.out
    assert "pass" not in asked.out


def test_what_is_not_asked_right_is_usage(shell: Shell) -> None:
    """An option that there is not ends with exit code 2."""
    assert shell.skep("doctor", "--heal").code == 2


async def test_a_store_that_is_not_there_is_not_made(settings: Settings) -> None:
    """The doctor says that it will be made, and leaves the folder as it was."""
    found = await ask(settings)

    assert found["store"].level is Level.OK
    assert "not there yet" in found["store"].found
    assert not settings.state_folder.exists()


async def test_the_doctor_changes_no_byte_of_a_store(settings: Settings) -> None:
    """The file is the same before and after, and so is the list of files beside it."""
    file = await open_once(settings)
    before = contents(file.parent)

    await ask(settings)

    assert contents(file.parent) == before


def contents(folder: Path) -> Mapping[str, bytes]:
    """Read all files of a folder."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


async def test_a_wrong_scheme_is_found(tmp_path: Path) -> None:
    """A URL of no known store fails with those that are known, and the others go on."""
    found = await ask(settings_of(tmp_path, "postgres://host/db"))

    assert found["store"].level is Level.FAIL
    assert "sqlite:///PATH or redis://" in found["store"].mend
    assert found["in the store"].level is Level.WARN
    assert found["state folder"].level is Level.OK


async def test_an_unreachable_server_is_found(tmp_path: Path) -> None:
    """A Redis that nobody runs fails with what to do, and its password is not shown."""
    url = RedisProcess(tmp_path).url.replace("://", "://:hidden@")

    found = await ask(settings_of(tmp_path, url))

    assert found["store"].level is Level.FAIL
    assert "Start the server" in found["store"].mend
    assert "hidden" not in found["store"].found
    assert found["state folder"].level is Level.OK


async def test_a_url_of_redis_that_makes_no_sense_is_found(tmp_path: Path) -> None:
    """A port that is no number fails without the URL being shown."""
    found = await ask(settings_of(tmp_path, "redis://h:hidden/0"))

    assert found["store"].level is Level.FAIL
    assert "redis://HOST:PORT/DB" in found["store"].mend
    assert "hidden" not in found["store"].found


async def test_a_server_that_keeps_nothing_and_evicts_is_found(tmp_path: Path) -> None:
    """No append-only file and an evicting policy are two faults, each with its command."""
    options = ("--appendonly", "no", "--maxmemory", "100kb", "--maxmemory-policy", "allkeys-lru")
    with RedisProcess(tmp_path, *options) as server:
        found = await ask(settings_of(tmp_path, server.url))

    assert found["durability"].level is Level.FAIL
    assert "CONFIG SET appendonly yes" in found["durability"].mend
    assert found["eviction"].level is Level.FAIL
    assert "CONFIG SET maxmemory-policy noeviction" in found["eviction"].mend
    assert found["memory"].level is Level.FAIL
    assert "Raise maxmemory" in found["memory"].mend


async def test_a_healthy_server_passes_until_it_starts_again(tmp_path: Path) -> None:
    """All is ok on a good server; started again, its incarnation is stale until somebody calls.

    That fails as long as there are swarms that nobody goes on with.
    """
    with RedisProcess(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        settings = settings_of(tmp_path, server.url)
        empty = await ask(settings)
        written = await command(server.url, "DBSIZE"), await command(server.url, "FUNCTION", "LIST")
        await submit_one(settings)
        served = await ask(settings)
        server.kill()
        server.start()
        stale = await ask(settings)
        async with await open_store(settings):
            called = await ask(settings)

    of_host = {"git", "models", "terminal"}
    seen = [(name, each.level) for name, each in (*empty.items(), *served.items())]
    assert {level for name, level in seen if name not in of_host} == {Level.OK}
    assert written == (0, [])
    assert "none yet" in empty["incarnation"].found
    assert "fsynced" in served["durability"].found
    assert "1 active" in served["swarms"].found
    assert stale["incarnation"].level is Level.FAIL
    assert "skep swarm list" in stale["incarnation"].mend
    assert called["incarnation"].level is Level.OK


async def test_a_server_that_started_again_without_work_only_warns(tmp_path: Path) -> None:
    """Nothing waits for a call, so nothing is wrong yet."""
    with RedisProcess(tmp_path, "--appendonly", "yes") as server:
        settings = settings_of(tmp_path, server.url)
        async with await open_store(settings):
            pass
        written(server.port)
        server.kill()
        server.start()
        found = await ask(settings)

    assert found["incarnation"].level is Level.WARN
    assert "any command goes on" in found["incarnation"].mend


async def test_a_lost_incarnation_is_found(tmp_path: Path) -> None:
    """Swarms without an incarnation fail: somebody deleted a part of the store."""
    with RedisProcess(tmp_path, "--appendonly", "yes") as server:
        settings = settings_of(tmp_path, server.url)
        await submit_one(settings)
        await command(server.url, "DEL", "skep:meta")
        found = await ask(settings)

    assert found["incarnation"].level is Level.FAIL
    assert "from a backup" in found["incarnation"].mend


async def command(url: str, *words: str) -> object:
    """Run a command on a server."""
    wire = Wire(url)
    answer: object = await wire.command(*words)
    await wire.close()
    return answer


async def submit_one(settings: Settings) -> None:
    """Submit a swarm of one task."""
    async with await open_store(settings) as store:
        await store.work.submit([submission("11111111", task("a"))])


def test_an_old_server_and_a_failed_write_are_found() -> None:
    """A version without functions and a file that cannot be written fail."""
    facts = {"aof_enabled": "1", "aof_last_write_status": "err", "aof_last_bgrewrite_status": "ok"}

    old = checks_redis.version({"redis_version": "6.2.14"})
    unwritten = checks_redis.file_written(facts)

    assert (old.level, unwritten.level) == (Level.FAIL, Level.FAIL)
    assert "Redis 7.0" in old.mend
    assert "disk" in unwritten.mend


@pytest.mark.parametrize(
    ("apart_s", "level"), [(0.2, Level.OK), (-5.0, Level.WARN), (31.0, Level.FAIL)]
)
def test_a_clock_far_off_is_found(apart_s: float, level: Level) -> None:
    """Over a second between server and host warns, over thirty fail."""
    found = checks_redis.clocks(server_s=DAY_S + apart_s, host_s=DAY_S)

    assert found.level is level
    assert bool(found.mend) is (level is not Level.OK)


async def test_a_file_that_is_no_database_is_found(settings: Settings) -> None:
    """A file of something else fails, and nothing is written to it."""
    settings.state_folder.mkdir()
    file = settings.state_folder / "skep.db"
    file.write_text("This is a letter to a friend, and long enough to be a database.\n" * 20)

    found = await ask(settings)

    assert found["file"].level is Level.FAIL
    assert "backup" in found["file"].mend
    assert file.read_text().startswith("This is a letter")


async def test_a_damaged_file_is_found(settings: Settings) -> None:
    """Pages of rubbish in the middle of a store fail the quick check."""
    file = await open_once(settings)
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * 8192 + content[16384:])

    found = await ask(settings)

    assert found["quick check"].level is Level.FAIL
    assert "backup" in found["quick check"].mend


async def test_a_newer_schema_is_found(settings: Settings) -> None:
    """A file of a newer Skep fails, and what is in it is left alone."""
    file = await open_once(settings)
    db = connection.connect(file)
    db.run("PRAGMA user_version = 999")
    db.close()

    found = await ask(settings)

    assert found["schema"].level is Level.FAIL
    assert "a newer one" in found["schema"].mend
    assert found["in the store"].level is Level.WARN


async def test_a_network_file_system_is_found(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store below an NFS mount fails before it is made there."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x / ext4 rw 0 0\nserver:/y {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(connection, "MOUNTS", mounts)

    found = await ask(settings)

    assert found["file system"].level is Level.FAIL
    assert "nfs4" in found["file system"].found
    assert "share a Redis" in found["file system"].mend


def test_an_unwritable_folder_is_found() -> None:
    """A state folder of somebody else fails, and so does the folder of a store."""
    with foreign_folder() as folder:
        state = checks.state_folder(folder)
        store = checks_sqlite.folder(folder / "skep.db")

    assert (state.level, store.level) == (Level.FAIL, Level.FAIL)
    assert f"chmod u+rwx {folder}" in state.mend
    assert "another --store" in store.mend


@contextmanager
def foreign_folder() -> Generator[Path]:
    """A folder in which this process may not write while the context lasts."""
    top = Path(mkdtemp())
    top.chmod(0o755)
    folder = top / ".skep"
    folder.mkdir(mode=0o555)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(NOBODY)
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        shutil.rmtree(top)


async def test_a_file_in_place_of_the_state_folder_is_found(settings: Settings) -> None:
    """A file called .skep fails, and is named."""
    settings.state_folder.write_text("")

    found = await ask(settings)

    assert found["state folder"].level is Level.FAIL
    assert f"Move the file {settings.state_folder}" in found["state folder"].mend


@pytest.mark.parametrize(
    ("mebibytes", "level"), [(2000, Level.OK), (1023, Level.WARN), (49, Level.FAIL)]
)
def test_a_full_disk_is_found(mebibytes: int, level: Level) -> None:
    """Under 1 GiB of room warns, under 50 MiB fails."""
    found = checks_sqlite.disk(mebibytes * 1024**2)

    assert found.level is level
    assert ("Free some" in found.mend) is (level is not Level.OK)


def test_a_long_write_ahead_log_is_found(tmp_path: Path) -> None:
    """A log over 64 MB warns, and says who keeps it."""
    with (tmp_path / "skep.db-wal").open("wb") as log:
        log.truncate(65 * 1024**2)

    found = checks_sqlite.wal(checks_sqlite.wal_bytes(tmp_path / "skep.db"))

    assert found.level is Level.WARN
    assert "End the process" in found.mend


async def test_a_broken_agent_file_is_found(settings: Settings, tmp_path: Path) -> None:
    """A file without front matter fails by its name; an unknown field only warns."""
    files_into(tmp_path, {".skep/agents/broken.md": "I have no front matter.\n"})
    broken = await ask(settings)
    odd = "---\nname: mine\nsize: 3\n---\nDo it.\n"
    files_into(tmp_path, {".skep/agents/broken.md": odd})
    warned = await ask(settings)

    assert broken["agent files"].level is Level.FAIL
    assert "broken.md" in broken["agent files"].found
    assert broken["agent files"].mend
    assert broken["terminal"].what == "terminal"
    assert warned["agent files"].level is Level.WARN
    assert "'size'" in warned["agent files"].found


async def test_a_swarm_that_only_waits_for_a_person_is_found(settings: Settings) -> None:
    """A swarm whose one task is blocked warns, with the command that shows it."""
    async with await open_store(settings) as store:
        await store.work.submit([submission("11111111", task("a"))])
        (grant,) = await store.work.claim(offer(), limit=1)
        await store.work.settle(
            [Settlement(token=grant.token, outcome=Blocked(reason="May I delete it?"))]
        )

    found = await ask(settings)

    assert found["swarms"].level is Level.WARN
    assert "skep swarm show" in found["swarms"].mend


async def test_a_lease_that_nobody_sweeps_is_found(settings: Settings) -> None:
    """A task under a lease long past warns: no process is there to take it back."""
    async with await open_store(settings) as store:
        await store.work.submit([submission("11111111", task("a"))])
        (grant,) = await store.work.claim(offer(), limit=1)
    file = settings.state_folder / "skep.db"
    seen = look_into_sqlite(file, limit=checks.ACTIVE_SWARMS_MAX, scans=False).underway
    assert seen is not None

    fresh = checks.swept(seen, now_s=grant.lease_until + 1)
    late = checks.swept(seen, now_s=grant.lease_until + DAY_S)

    assert fresh.level is Level.OK
    assert late.level is Level.WARN
    assert "skep work" in late.mend


async def test_a_model_that_cannot_be_asked_is_found(settings: Settings) -> None:
    """SKEP_MODEL of an unknown provider fails, with the names that can be said."""
    found = await ask(replace(settings, model="nobody:nothing"))

    assert found["models"].level is Level.FAIL
    assert "offline" in found["models"].mend


def test_a_terminal_without_unicode_is_found(shell: Shell) -> None:
    """Another locale than UTF-8 warns, and nothing fails by it."""
    asked = shell.skep("doctor", LC_ALL="en_US.ISO-8859-1")

    assert asked.code == 0, asked.out
    assert "warn terminal" in asked.out
    assert "mend: Set a UTF-8 locale" in asked.out


async def test_processes_that_wait_to_be_woken_are_counted(settings: Settings) -> None:
    """The doctor tells where the processes of a file wake each other, and makes nothing there."""
    folder = hints_folder(settings.state_folder / "skep.db")
    before = await ask(settings)
    was_made = folder.exists()
    async with await open_store(settings) as store:
        await store.work.claim(offer(), limit=1, patience_s=0.01)
        waiting = await ask(settings)

    assert not was_made
    assert before["wake-ups"].found == f"{folder}: 0 waiting"
    assert waiting["wake-ups"].found == f"{folder}: 1 waiting"


async def test_processes_that_cannot_wake_each_other_are_found(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder too long for a socket, or of somebody else, warns and says what it costs."""
    with foreign_folder() as folder:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        foreign = checks_sqlite.wake_ups(settings.state_folder / "skep.db")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 90)))
    long = (await ask(settings))["wake-ups"]

    assert (long.level, foreign.level) == (Level.WARN, Level.WARN)
    assert "after up to 2 s" in long.found
    assert "shorter" in long.mend
    assert "folder of your own" in foreign.mend
