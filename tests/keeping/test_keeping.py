"""A backup holds all of a store, and a restore begins a new life with it (15, 30)."""

import asyncio
import shutil
import stat
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import pytest
from tests.keeping.conftest import Place, Places, inspected

from skep.drivers.sqlite.db import Db
from skep.ports.inspection import Dump
from skep.ports.store import Store
from skep.records.errors import (
    BackupUnusable,
    InvalidInput,
    StoreInUse,
    StoreNotEmpty,
    StoreTooNew,
    StoreUnavailable,
)
from skep.records.event import Cursor
from skep.records.ids import SwarmId
from skep.records.lease import BeatVerdict, Grant
from skep.records.outcome import SettleVerdict
from skep.records.step import Effect, StepVerdict
from skep.records.swarm import SwarmMove
from skep.records.task import RetryPolicy, TaskStatus
from skep.records.values import BlobRef, blob_digest
from skep.testing.acts import claim, events, statuses, steer, submit, succeed, task_of, write
from skep.testing.invariants import check
from skep.testing.samples import intent, record, task

CONTENT: Final = b'"a large input"'
NO_SECOND_TRY: Final = RetryPolicy(attempts_max=1)


async def live(store: Store) -> list[Grant]:
    """Have a bit of everything in a store; gives the grants of swarm s that stand."""
    await store.blobs.put([CONTENT])
    ref = BlobRef(digest=blob_digest(CONTENT), size_bytes=len(CONTENT)).as_json()
    first = task("a", input=ref, retry=NO_SECOND_TRY)
    await submit(store, "s", first, task("b", "a"), task("c"), timeout_s=600)
    grants = list(await claim(store))
    await write(store, intent(grants[0].token, "asked"))
    await write(store, intent(grants[0].token, "sent", effect=Effect.ONCE))
    await write(store, intent(grants[0].token, "told"))
    await write(store, record(grants[0].token, "told"))
    await submit(store, "wide", task("root"), *[task(f"d{n}", "root") for n in range(300)])
    await succeed(store, *await claim(store))  # more edges than one settlement meets
    await submit(store, "slow", task("later", delay_s=3600))
    await submit(store, "gone", task("x"))
    await steer(store, "gone", SwarmMove.TELL, text="Hurry", by="ann")
    await steer(store, "gone", SwarmMove.CANCEL)
    return grants


async def lived(place: Place) -> tuple[Dump, list[Grant]]:
    """Let a store live, and close it."""
    async with await place.open() as store:
        grants = await live(store)
        return await inspected(store), grants


async def seen(place: Place) -> Dump:
    """Look at a store, whose invariants must hold."""
    async with await place.open() as store:
        dump = await inspected(store)
    check(dump)
    return dump


async def test_all_of_a_store_comes_back(places: Places, tmp_path: Path) -> None:
    """Swarms, tasks, edges, journals, contents and logs are what they were, and nobody runs."""
    before, grants = await lived(places.here)

    made = await places.here.back_up(tmp_path / "backup")
    restored = await places.there.restore(tmp_path / "backup")

    after = await seen(places.there)
    assert (made.swarms, made.contents, restored.swarms) == (4, 1, 4)
    assert restored.handed_back == len(grants) == 2
    assert (after.steps, after.edges, after.drains) == (before.steps, before.edges, before.drains)
    assert [each.users for each in after.contents] == [["s"]]
    assert after.told == before.told != []
    kept = {(event.swarm, event.seq): event for event in after.events}
    assert [kept[event.swarm, event.seq] for event in before.events] == before.events
    for was, now in zip(before.tasks, after.tasks, strict=True):
        if was.status is not TaskStatus.RUNNING:
            assert now == was


async def test_only_its_owner_may_read_a_backup(places: Places, tmp_path: Path) -> None:
    """It holds prompts and results, and lies wherever its maker puts it."""
    await lived(places.here)

    made = await places.here.back_up(tmp_path / "backup")

    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    assert made.size_bytes == (tmp_path / "backup").stat().st_size
    assert [path.name for path in tmp_path.glob(".*part*")] == []


async def test_tokens_and_cursors_of_before_are_refused(places: Places, tmp_path: Path) -> None:
    """A restore is a new incarnation: every kind of write is fenced, and a cursor meets a gap."""
    before, grants = await lived(places.here)
    await places.here.back_up(tmp_path / "backup")
    restored = await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        token = grants[0].token
        [beat] = await store.leases.renew([token], lease_s=5)
        cursor = Cursor(incarnation=before.incarnation, swarm=SwarmId("s"), seq=1)

        assert store.incarnation == restored.incarnation != before.incarnation
        assert await succeed(store, *grants) == [SettleVerdict.FENCED] * 2
        assert beat.verdict is BeatVerdict.LOST
        assert (await write(store, intent(token, "new"))).verdict is StepVerdict.FENCED
        assert (await write(store, record(token, "asked"))).verdict is StepVerdict.FENCED
        assert (await store.log.read(cursor)).gap
        assert await store.log.remark(token, [{"n": 1}]) is False


async def test_what_ran_goes_on_at_once(places: Places, tmp_path: Path) -> None:
    """What ran is ready without waiting for a lease, and its lost attempt is no failure of it."""
    _, grants = await lived(places.here)
    await places.here.back_up(tmp_path / "backup")
    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        assert await statuses(store, "s") == {"a": "ready", "b": "waiting", "c": "ready"}
        assert (await task_of(store, "s", "a")).failures == 0
        assert [event.kind for event in await events(store, "s")][-2:] == ["task.handed_back"] * 2
        again = [grant for grant in await claim(store, worker="w9") if grant.token.swarm == "s"]
        token = next(grant.token for grant in again if grant.token.task == "a")

        assert len(again) == len(grants)
        assert (await write(store, intent(token, "told", name="n"))).verdict is StepVerdict.FOUND
        assert (await write(store, intent(token, "asked", name="n"))).verdict is StepVerdict.OPENED
        once = intent(token, "sent", effect=Effect.ONCE, name="n")
        assert (await write(store, once)).verdict is StepVerdict.UNKNOWN


async def test_time_in_a_backup_does_not_count(places: Places, tmp_path: Path) -> None:
    """A swarm's time-out is as far away as it was when the backup was made."""
    await lived(places.here)
    made = await places.here.back_up(tmp_path / "backup")

    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        restored = await store.registry.swarm(SwarmId("s"))
        was = await ended_left(places.here)
        assert restored.deadline is not None
        assert 0 < restored.deadline - was < 60
        assert restored.deadline > made.at


async def ended_left(place: Place) -> float:
    """The deadline of the swarm in the store that was backed up."""
    async with await place.open() as store:
        swarm = await store.registry.swarm(SwarmId("s"))
        assert swarm.deadline is not None
        return swarm.deadline


async def test_a_command_is_known_after_a_restore(places: Places, tmp_path: Path) -> None:
    """A submission repeated in the restored store is answered, and not carried out again."""
    async with await places.here.open() as store:
        await submit(store, "s", task("a"))
    await places.here.back_up(tmp_path / "backup")
    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        with pytest.raises(AssertionError):  # answered ALREADY, where `submit` wants OK
            await submit(store, "s", task("a"))

        assert len(await store.registry.swarms()) == 1


async def test_a_store_that_is_there_is_not_replaced_unasked(
    places: Places, tmp_path: Path
) -> None:
    """Without force a restore over swarms is refused; with it, only the backup's are there."""
    await lived(places.here)
    await places.here.back_up(tmp_path / "backup")
    async with await places.there.open() as store:
        await submit(store, "other", task("a"))
        await store.blobs.put([b"loose"])

    with pytest.raises(StoreNotEmpty):
        await places.there.restore(tmp_path / "backup")
    assert [swarm.id for swarm in (await seen(places.there)).swarms] == ["other"]
    restored = await places.there.restore(tmp_path / "backup", force=True)

    after = await seen(places.there)
    assert restored.replaced == 1
    assert {swarm.id for swarm in after.swarms} == {"s", "wide", "slow", "gone"}
    assert len(after.contents) == 1


async def test_broken_and_foreign_files_change_nothing(places: Places, tmp_path: Path) -> None:
    """A file that was cut off, altered, or never was a backup is refused before anything else."""
    await lived(places.here)
    backup = tmp_path / "backup"
    await places.here.back_up(backup)
    whole, before = backup.read_bytes(), await seen(places.here)
    middle = len(whole) // 2
    bad = {
        "cut": whole[:middle],
        "short": whole[:-50],
        "altered": whole[:middle] + bytes(len(whole) // 4) + whole[middle + len(whole) // 4 :],
        "foreign": b"hello",
        "empty": b"",
    }

    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInput):
            await places.here.restore(tmp_path / name, force=True)
    with pytest.raises(BackupUnusable, match="no file"):
        await places.here.restore(tmp_path / "missing", force=True)

    assert await seen(places.here) == before


async def test_nothing_but_a_backup_is_overwritten(places: Places, tmp_path: Path) -> None:
    """A backup takes the place of an earlier one, and of no other file."""
    await lived(places.here)
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")

    with pytest.raises(BackupUnusable, match="is there already"):
        await places.here.back_up(letter)
    await places.here.back_up(tmp_path / "backup")
    await places.here.back_up(tmp_path / "backup")

    assert letter.read_text() == "dear"


async def test_there_must_be_a_store_to_back_up(tmp_path: Path) -> None:
    """A store that is not there is not made by backing it up."""
    place = Place.at(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)

    with pytest.raises(StoreUnavailable, match="no store"):
        await place.back_up(tmp_path / "backup")

    assert list(tmp_path.iterdir()) == []


async def test_kinds_do_not_mix(servers: tuple[str, str], tmp_path: Path) -> None:
    """What was made of one kind of store is refused by the other, in so many words."""
    file = Place.at(f"sqlite:///{tmp_path / 'skep.db'}", tmp_path)
    server = Place.at(servers[0], tmp_path)
    for place, name in ((file, "of-file"), (server, "of-server")):
        async with await place.open():
            pass
        await place.back_up(tmp_path / name)

    with pytest.raises(BackupUnusable, match="no backup of a Redis store"):
        await server.restore(tmp_path / "of-file", force=True)
    with pytest.raises(BackupUnusable, match="no backup of a SQLite store"):
        await file.restore(tmp_path / "of-server", force=True)
    with pytest.raises(InvalidInput, match="one process only"):
        await Place.at("memory:", tmp_path).back_up(tmp_path / "of-memory")


async def test_an_open_file_is_not_replaced(tmp_path: Path) -> None:
    """While any process has the SQLite store open, not even force replaces it."""
    here = Place.at(f"sqlite:///{tmp_path / 'skep.db'}", tmp_path)
    async with await here.open() as store:
        await submit(store, "s", task("a"))
        await here.back_up(tmp_path / "backup")
        with pytest.raises(StoreInUse):
            await here.restore(tmp_path / "backup", force=True)
        await submit(store, "t", task("a"))

    restored = await here.restore(tmp_path / "backup", force=True)

    assert [swarm.id for swarm in (await seen(here)).swarms] == ["s"]
    assert restored.aside is not None
    aside = Place.at(f"sqlite:///{restored.aside}", tmp_path)
    assert {swarm.id for swarm in (await seen(aside)).swarms} == {"s", "t"}


async def test_a_copy_that_is_open_is_no_backup(tmp_path: Path) -> None:
    """A file beside which there is a log is not all of a store, and is refused as a backup."""
    here = Place.at(f"sqlite:///{tmp_path / 'skep.db'}", tmp_path)
    async with await here.open() as store:
        await submit(store, "s", task("a"))
        for part in ("", "-wal"):
            shutil.copy(tmp_path / f"skep.db{part}", tmp_path / f"copy.db{part}")

    there = Place.at(f"sqlite:///{tmp_path / 'there.db'}", tmp_path)
    with pytest.raises(BackupUnusable, match="was not closed"):
        await there.restore(tmp_path / "copy.db")
    assert not (tmp_path / "there.db").exists()


async def test_a_backup_of_a_newer_skep_is_refused(tmp_path: Path) -> None:
    """A schema that we do not know is not restored."""
    here = Place.at(f"sqlite:///{tmp_path / 'skep.db'}", tmp_path)
    await lived(here)
    await here.back_up(tmp_path / "backup")
    with closing(Db(apsw.Connection(str(tmp_path / "backup")))) as copy:
        copy.run("PRAGMA user_version = 99")

    with pytest.raises(StoreTooNew):
        await Place.at(f"sqlite:///{tmp_path / 'there.db'}", tmp_path).restore(tmp_path / "backup")


async def test_a_restored_store_is_backed_up_again(places: Places, tmp_path: Path) -> None:
    """What was restored is a store as any other: it is worked on, and backed up."""
    await lived(places.here)
    await places.here.back_up(tmp_path / "backup")
    await places.there.restore(tmp_path / "backup")
    async with await places.there.open() as store:
        while grants := await claim(store):
            await succeed(store, *grants)
            await store.leases.sweep()

    await places.there.back_up(tmp_path / "again")
    await places.here.restore(tmp_path / "again", force=True)

    statuses_of = {swarm.id: swarm.status for swarm in (await seen(places.here)).swarms}
    assert (statuses_of[SwarmId("s")], statuses_of[SwarmId("wide")]) == ("completed",) * 2


async def test_a_sleeper_wakes_after_a_restore(places: Places, tmp_path: Path) -> None:
    """A task that slept when the backup was made is given out when its time has come."""
    async with await places.here.open() as store:
        await submit(store, "s", task("later", delay_s=0.5))
    await places.here.back_up(tmp_path / "backup")
    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store, asyncio.timeout(30):
        while not (grants := await claim(store)):
            await asyncio.sleep(0.05)
            await store.leases.sweep()

    assert [grant.token.task for grant in grants] == ["later"]
