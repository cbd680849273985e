"""The SQLite store's file: schema, migration with a backup, refusals, and other processes."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from skep.drivers.sqlite import SqliteStore, connection
from skep.drivers.sqlite.connection import connect, migrate, migrations
from skep.drivers.sqlite.db import Db
from skep.records.errors import StoreTooNew, StoreUnavailable, StoreUnsafe
from skep.records.ids import SwarmId, WorkerId
from skep.records.lease import Offer
from skep.records.outcome import Settlement, SettleVerdict, Succeeded
from skep.records.task import AgentKind
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import many, submission

FAR_S = 1e12


async def opened(path: Path) -> SqliteStore:
    """Open a store on a file."""
    return await SqliteStore.open(path, clock=ManualClock(), chance=SeededChance(1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "state" / "skep.db"


async def test_a_store_makes_its_folder_and_its_schema(path: Path) -> None:
    """Opening a file that is not there makes it, at the newest version."""
    async with await opened(path):
        pass

    assert Db(apsw.Connection(str(path))).value("PRAGMA user_version") == len(migrations())


async def test_a_store_is_the_same_after_it_was_closed_and_opened(path: Path) -> None:
    """What was stored is there, under the same incarnation, and old tokens still count."""
    async with await opened(path) as store:
        await store.work.submit([submission("s", *many(1))])
        (grant,) = await store.work.claim(
            Offer(worker=WorkerId("w"), queues=frozenset({"default"})), limit=1
        )

    async with await opened(path) as again:
        verdicts = await again.work.settle(
            [Settlement(token=grant.token, outcome=Succeeded(value=1))]
        )

    assert verdicts == [SettleVerdict.OK]


async def test_a_store_of_a_newer_skep_is_refused_untouched(path: Path) -> None:
    """A schema that we do not know is left exactly as it is."""
    async with await opened(path):
        pass
    Db(apsw.Connection(str(path))).run("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(StoreTooNew, match="99"):
        await opened(path)

    assert path.read_bytes() == before


def migrated(path: Path, scripts: Sequence[str]) -> Db:
    """Bring a file to the schema of some scripts."""
    db = connect(path)
    migrate(db, path, scripts)
    return db


def test_an_older_store_is_migrated_with_a_copy_of_the_old_one_beside_it(path: Path) -> None:
    """Only the missing scripts run, and the copy is what was there before."""
    first = ["CREATE TABLE bee (name TEXT); INSERT INTO bee VALUES ('maja')"]
    migrated(path, first).close()

    db = migrated(path, [*first, "ALTER TABLE bee ADD COLUMN age INTEGER DEFAULT 1"])

    assert db.rows("SELECT name, age FROM bee") == [("maja", 1)]
    copy = Db(apsw.Connection(str(path.with_name("skep.db.v1.bak"))))
    assert copy.rows("SELECT * FROM bee") == [("maja",)]
    assert copy.value("PRAGMA user_version") == 1


def test_the_texts_of_an_older_store_move_beside_their_tasks(path: Path) -> None:
    """What a task was to do and came to is there after the migration that takes it from its row."""
    scripts = migrations()
    [texts] = [script for script in scripts if "CREATE TABLE spec" in script]
    older = scripts[: scripts.index(texts)]
    db = migrated(path, older)
    told = (
        "(n, swarm, key, ordinal, lane, priority, tolerant, attempts_max, delay_s, unmet, status,"
    )
    db.run(
        f"INSERT INTO task {told} spec, outcome) VALUES"
        " (1, 1, 'a', 0, 'l', 5, 0, 4, 0, 0, 'succeeded', 'first', '7'),"
        " (2, 1, 'b', 1, 'l', 5, 0, 4, 0, 0, 'ready', 'second', NULL)"
    )
    db.close()

    db = migrated(path, [*older, texts])

    assert db.rows("SELECT task, text FROM spec ORDER BY task") == [(1, "first"), (2, "second")]
    assert db.rows("SELECT task, value FROM outcome") == [(1, "7")]
    assert db.rows("SELECT key, status FROM task ORDER BY n") == [
        ("a", "succeeded"),
        ("b", "ready"),
    ]


def test_a_migration_that_fails_leaves_the_old_schema(path: Path) -> None:
    """A script that breaks half-way is undone whole."""
    first = ["CREATE TABLE bee (name TEXT)"]
    migrated(path, first).close()

    with pytest.raises(apsw.SQLError):
        migrated(path, [*first, "CREATE TABLE wasp (name TEXT); CREATE TABLE bee (name TEXT)"])

    db = connect(path)
    assert db.value("PRAGMA user_version") == 1
    assert db.rows("SELECT name FROM sqlite_schema WHERE type = 'table'") == [("bee",)]


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """A wrong file is named in the error, and not written to."""
    path.parent.mkdir()
    path.write_text("This is no database. " * 100)

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await opened(path)

    assert path.read_text().startswith("This is no database.")


async def test_a_folder_that_cannot_be_made_is_a_typed_error(tmp_path: Path) -> None:
    """A store below a file says what to do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable) as refusal:
        await opened(tmp_path / "file" / "skep.db")

    assert "--store" in refusal.value.hint


async def test_a_network_file_system_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite corrupts there, so nothing is opened (the list of mounts is a stand-in)."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(connection, "MOUNTS", mounts)

    with pytest.raises(StoreUnsafe, match="nfs4"):
        await opened(path)

    assert not path.exists()


def test_the_settings_of_a_connection_are_in_force(path: Path) -> None:
    """WAL and FULL are read back: a pragma that was not run would be silent."""
    db = connect(path)

    assert (db.value("PRAGMA journal_mode"), db.value("PRAGMA synchronous")) == ("wal", 2)


async def test_a_command_that_raises_is_undone_alone(path: Path) -> None:
    """Of a group with one broken command the others are kept, and the broken one is told."""
    async with await opened(path) as store:
        good = store.work.submit([submission("good", *many(2))])
        broken = store.work.submit([None])  # type: ignore[list-item]
        other = store.work.submit([submission("other", *many(2))])

        answers = await asyncio.gather(good, broken, other, return_exceptions=True)

        assert isinstance(answers[1], AttributeError)
        assert [swarm.id for swarm in await store.registry.swarms()] == ["other", "good"]


async def test_a_cancelled_caller_leaves_its_command_to_be_carried_out(path: Path) -> None:
    """Whoever stops waiting finds the whole command done or not at all, never a part."""
    async with await opened(path) as store:
        asking = asyncio.ensure_future(store.work.submit([submission("s", *many(50))]))
        await asyncio.sleep(0)  # noqa: TID251 - the command must be under way
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        tasks = await store.work.submit([submission("s", *many(50))])

        assert len(await store.registry.tasks(SwarmId("s"))) == 50
        assert len(tasks) == 1


async def test_a_closed_store_says_so(path: Path) -> None:
    """Asking a store that was closed is a typed error, not a hang."""
    store = await opened(path)
    await store.__aexit__(None, None, None)

    with pytest.raises(StoreUnavailable, match="closed"):
        await store.registry.swarms()


WRITER = """
import asyncio, sys
from pathlib import Path
from skep.drivers.sqlite import SqliteStore
from skep.drivers.system import SystemChance, SystemClock
from skep.testing.samples import many, submission

async def main(path, name):
    clock, chance = SystemClock(), SystemChance()
    async with await SqliteStore.open(Path(path), clock=clock, chance=chance) as store:
        for number in range(40):
            (answer,) = await store.work.submit([submission(f"{name}-{number:03}", *many(3))])
            assert answer.verdict == "ok", answer

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_that_write_the_same_file_wait_for_each_other(path: Path) -> None:
    """Four processes submit at once: no lock error reaches a caller, and nothing is lost."""
    async with await opened(path):
        pass
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "abcd"]

    assert [writer.wait(timeout=50) for writer in writers] == [0, 0, 0, 0]
    async with await opened(path) as store:
        assert len(await store.registry.swarms(limit=500)) == 160
    assert Db(apsw.Connection(str(path))).value("PRAGMA integrity_check") == "ok"


async def test_work_of_another_process_wakes_a_waiting_claim(path: Path) -> None:
    """A claim that waits finds what another process submitted, without being asked again."""
    async with await opened(path) as store:
        offer = Offer(worker=WorkerId("w"))
        claiming = asyncio.ensure_future(_patient_claim(store, offer))
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(path), "x")
        grants = await claiming
        await other.wait()

    assert grants


async def _patient_claim(store: SqliteStore, offer: Offer) -> bool:
    """Claim with patience; a manual clock never runs out of it, so the test's time-out does."""
    return bool(await store.work.claim(offer, limit=1, patience_s=30))


async def test_nothing_of_a_forgotten_swarm_is_left_in_the_file(path: Path) -> None:
    """Every table is as empty as before, but for how many were forgotten."""
    async with await opened(path) as store:
        await store.work.submit([submission("s", *many(3))])
        offer = Offer(worker=WorkerId("w"), kinds=frozenset(AgentKind))
        grants = await store.work.claim(offer, limit=3)
        done = Succeeded(value=7)
        await store.work.settle([Settlement(token=each.token, outcome=done) for each in grants])
        await store.retention.forget([SwarmId("s")], before=FAR_S)
        while await store.retention.clear():
            pass

    db = connect(path)
    tables = [name for (name,) in db.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    left = [name for name in tables if db.value(f"SELECT count(*) FROM {name}")]
    assert left == ["meta", "tally"]
    assert db.rows("SELECT * FROM tally") == [("forgotten", 1)]
