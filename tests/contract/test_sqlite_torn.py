"""At whatever statement the process dies, the SQLite file holds whole commands (17)."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from skep.drivers.sqlite import SqliteStore
from skep.drivers.sqlite.db import Column, Db
from skep.records.ids import WorkerId
from skep.records.swarm import SwarmMove
from skep.records.values import digest_of
from skep.testing.acts import claim, claim_one, settle, steer, submit, succeed, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.invariants import check
from skep.testing.samples import addition, failed, intent, record, retried, task


class Camera:
    """Copies the files after each statement, when they differ from the last copy."""

    def __init__(self, path: Path, album: Path) -> None:
        self._path = path
        self._album = album
        self._last = ""
        self.copies: list[Path] = []

    def shoot(self) -> None:
        """Copy the file and its log as a crash at this moment would leave them."""
        files = [file for file in (self._path, Path(f"{self._path}-wal")) if file.exists()]
        digest = digest_of("".join(file.read_bytes().hex() for file in files))
        if digest == self._last:
            return
        self._last = digest
        folder = self._album / str(len(self.copies))
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / file.name)
        self.copies.append(folder / self._path.name)


def watch(patch: pytest.MonkeyPatch, shoot: Callable[[], None]) -> None:
    """Have a picture taken after each statement that is run for its effect."""
    run, run_many = Db.run, Db.run_many

    def watched_run(db: Db, sql: str, values: Sequence[Column] = ()) -> None:
        run(db, sql, values)
        shoot()

    def watched_run_many(db: Db, sql: str, rows: Sequence[Sequence[Column]]) -> None:
        run_many(db, sql, rows)
        shoot()

    patch.setattr(Db, "run", watched_run)
    patch.setattr(Db, "run_many", watched_run_many)


async def live_a_life(store: SqliteStore, clock: ManualClock) -> None:
    """Do some of everything that writes."""
    plan = (task("a"), task("b", "a"), task("c", "b", tolerant=True), task("d"), task("e", "a"))
    await submit(store, "s", *plan, max_agents=2)
    a, d = await claim(store)
    await write(store, intent(a.token))
    await write(store, record(a.token))
    await store.work.add([addition("s", task("x", "a"), task("y"), token=a.token)])
    await succeed(store, a)
    await settle(store, retried(clock.now()), d)
    await settle(store, failed(), await claim_one(store))
    await claim(store)
    clock.advance(10)
    await store.leases.sweep()
    await claim(store)
    await store.leases.reclaim(WorkerId("w1"))
    while grants := await claim(store):
        await succeed(store, *grants)
    await steer(store, "s", SwarmMove.REOPEN, "a")
    await steer(store, "s", SwarmMove.CANCEL)


async def test_a_crash_at_any_statement_leaves_whole_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each state of the files between two statements opens, and keeps every invariant."""
    path, clock = tmp_path / "skep.db", ManualClock()
    camera = Camera(path, tmp_path / "album")
    with monkeypatch.context() as patch:
        watch(patch, camera.shoot)
        async with await SqliteStore.open(path, clock=clock, chance=SeededChance(1)) as store:
            await live_a_life(store, clock)

    for copy in camera.copies:
        opened = await SqliteStore.open(copy, clock=clock, chance=SeededChance(2))
        async with opened:
            check(await opened.dump())
    assert len(camera.copies) > 15
