"""Backups and restores among real processes: others write meanwhile, and they are killed."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.keeping.conftest import Place, Places, inspected
from tests.load import AGENTS, expected, plan_of

from skep.compose import open_fleet
from skep.records.ids import SwarmId
from skep.records.swarm import ENDED, SwarmStatus
from skep.records.values import BlobRef, blob_digest
from skep.testing.acts import submit
from skep.testing.invariants import check
from skep.testing.samples import many, task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BUSY_S: Final = 4.0
ENDED_WITHIN_S: Final = 120.0
KILLS: Final = 8
BULK_BYTES: Final = 6 * 2**20


@contextmanager
def workers(place: Place, folder: Path, *, number: int) -> Generator[None]:
    """Have worker processes at a store; they are killed in the end."""
    (folder / "load_agents.py").write_text(AGENTS)
    command = [sys.executable, "-m", "skep", "work", "--store", place.settings.store]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(number):
            with (folder / "workers.log").open("ab") as log:
                started.append(
                    subprocess.Popen(
                        [*command, "--slots", "4", "--import", "load_agents"],
                        cwd=folder,
                        stdout=log,
                        stderr=log,
                    )
                )
        yield
    finally:
        for worker in started:
            worker.kill()
            worker.wait()


async def test_a_backup_is_made_while_everybody_works(places: Places, tmp_path: Path) -> None:
    """Each swarm acknowledged before the backup began is in it, whole, and ends once restored."""
    acknowledged: list[tuple[str, int]] = []
    chance = random.Random(1)

    async def go_on_submitting(until: float) -> None:
        async with open_fleet(places.here.settings) as fleet:
            while time.monotonic() < until:
                n = chance.randrange(1000)
                handle = await fleet.submit(f"Square {n}", plan_of(n), max_agents=50)
                acknowledged.append((handle.id, n))
                await asyncio.sleep(0.02)

    with workers(places.here, tmp_path, number=2):
        submitting = asyncio.create_task(go_on_submitting(time.monotonic() + BUSY_S))
        await asyncio.sleep(BUSY_S / 2)
        before = list(acknowledged)
        made = await places.here.back_up(tmp_path / "backup")
        await submitting

    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        check(await inspected(store))
    assert 0 < len(before) <= made.swarms
    with workers(places.there, tmp_path, number=1):
        async with open_fleet(places.there.settings) as fleet:
            for swarm, n in before:
                handle = fleet.swarm(swarm)
                async with asyncio.timeout(ENDED_WITHIN_S):
                    while (await handle.state()).status not in ENDED:
                        await asyncio.sleep(0.05)
                assert (await handle.state()).status is SwarmStatus.COMPLETED
                assert await handle.result() == expected(n)
    async with await places.there.open() as store:
        check(await inspected(store))


async def filled(place: Place, name: str) -> None:
    """Fill a store with so much that copying it takes a while."""
    async with await place.open() as store:
        for number in range(4):
            content = random.Random(number).randbytes(BULK_BYTES)
            await store.blobs.put([content])
            ref = BlobRef(digest=blob_digest(content), size_bytes=BULK_BYTES).as_json()
            await submit(store, f"{name}{number}", task("a", input=ref), *many(100))


def skep(place: Place, *words: str) -> subprocess.Popen[bytes]:
    """Start a command of the store."""
    return subprocess.Popen(
        [sys.executable, "-m", "skep", "store", *words, "--store", place.settings.store],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run_s(place: Place, *words: str) -> float:
    """Run a command to its end; gives how long that took."""
    began = time.monotonic()
    process = skep(place, *words)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return time.monotonic() - began


def kill_in(moment_s: float, place: Place, *words: str) -> bool:
    """Start a command and kill it at a moment; says whether it was still at it."""
    process = skep(place, *words)
    try:
        process.communicate(timeout=moment_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    return False


async def test_a_killed_backup_leaves_no_half_of_one(places: Places, tmp_path: Path) -> None:
    """Whenever the process dies, under the file's name there is a whole backup or none."""
    await filled(places.here, "s")
    chance, killed = random.Random(2), 0
    whole_s = run_s(places.here, "backup", str(tmp_path / "first"))

    for number in range(KILLS):
        target = tmp_path / f"backup{number}"
        moment_s = whole_s * chance.uniform(0.3, 1.0)
        killed += kill_in(moment_s, places.here, "backup", str(target))
        if target.exists():
            await places.there.restore(target, force=True)

    assert killed > 0
    assert not (tmp_path / "backup").exists()


async def test_a_killed_restore_leaves_the_old_store_or_the_new(
    places: Places, tmp_path: Path
) -> None:
    """Whenever the process dies, the store is wholly what it was or wholly what was restored."""
    await filled(places.here, "new")
    whole_s = run_s(places.here, "backup", str(tmp_path / "backup"))
    await filled(places.there, "old")
    old, new = [{f"{name}{number}" for number in range(4)} for name in ("old", "new")]
    chance, killed, found = random.Random(3), 0, list[set[SwarmId]]()

    for _ in range(KILLS):
        moment_s = whole_s * chance.uniform(0.3, 1.3)
        killed += kill_in(moment_s, places.there, "restore", str(tmp_path / "backup"), "--force")
        async with await places.there.open() as store:
            dump = await inspected(store)
            check(dump)
            found.append({swarm.id for swarm in dump.swarms})

    assert killed > 0
    assert [each for each in found if each not in (old, new)] == []
    run_s(places.there, "restore", str(tmp_path / "backup"), "--force")
    async with await places.there.open() as store:
        assert {swarm.id for swarm in (await inspected(store)).swarms} == new
