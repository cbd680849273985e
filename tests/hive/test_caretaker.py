"""The caretaker forgets what is due, in pieces, and a worker has one only where it was asked."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.hive.desk import bench, worker

from skep.agent.function import Roster
from skep.drivers.memory import MemoryStore
from skep.hive.caretaker import CONTENT_GRACE_S, Caretaker, Tidied
from skep.hive.scheduler import TaskScheduler
from skep.ports.retention import Retention
from skep.ports.store import Store
from skep.records.errors import InvalidInput
from skep.records.swarm import SwarmMove
from skep.runtime import TIDY_FIRST_S, TIDY_S, Runtime
from skep.settings import read_settings
from skep.testing.acts import claim, steer, submit
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import task

DAY_S = 86_400.0


async def tidy(retention: Retention, clock: ManualClock, *, keep_s: float) -> Tidied:
    """Let a caretaker do its round; the rests between its pieces take no time of the test's."""
    ticking = asyncio.create_task(Caretaker(retention=retention, clock=clock, keep_s=keep_s).tick())
    while not ticking.done():
        await asyncio.wait({ticking}, timeout=0)
        clock.advance(0.01)
    return await ticking


async def cancelled(store: Store, *swarms: str) -> None:
    """Submit swarms and end them."""
    for swarm in swarms:
        await submit(store, swarm, task("a"))
        await steer(store, swarm, SwarmMove.CANCEL)


async def test_all_that_is_due_goes_in_one_round(store: Store, clock: ManualClock) -> None:
    """However many are due, the round ends when none is; what is live or young stays."""
    await store.blobs.put([b"loose"])
    await cancelled(store, *(f"s{n}" for n in range(20)))
    clock.advance(DAY_S)
    await cancelled(store, "young")
    await submit(store, "live", task("a"))

    tidied = await tidy(store.retention, clock, keep_s=DAY_S / 2)

    assert replace(tidied, records=0) == Tidied(swarms=20, contents=1, content_bytes=5)
    assert {swarm.id for swarm in await store.registry.swarms()} == {"young", "live"}
    assert len(await claim(store)) == 1


async def test_a_content_put_lately_stays(store: Store, clock: ManualClock) -> None:
    """What was put within the grace is kept although nothing refers to it, however short keep."""
    await store.blobs.put([b"old"])
    clock.advance(CONTENT_GRACE_S)
    await store.blobs.put([b"young"])
    clock.advance(1)

    tidied = await tidy(store.retention, clock, keep_s=1)

    assert (tidied.contents, tidied.content_bytes) == (1, 3)


async def test_a_round_begun_by_another_is_finished(store: Store, clock: ManualClock) -> None:
    """Two caretakers at once do together what one would have done."""
    await cancelled(store, *(f"s{n}" for n in range(20)))
    clock.advance(DAY_S)

    one, other = await asyncio.gather(
        tidy(store.retention, clock, keep_s=1), tidy(store.retention, clock, keep_s=1)
    )

    assert one.swarms + other.swarms == 20
    assert list(await store.registry.swarms()) == []


@pytest.mark.parametrize(
    ("told", "keep_s"), [("", None), ("8d", 8 * DAY_S), ("12h", DAY_S / 2), ("90", 90.0)]
)
def test_retention_is_asked_for_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, keep_s: float | None
) -> None:
    """Without SKEP_RETENTION nothing is forgotten; it is a length of time."""
    monkeypatch.setenv("SKEP_RETENTION", told)

    assert read_settings(folder=tmp_path).retention_s == keep_s


def test_a_retention_that_is_no_time_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt length of time is said, with the name of the variable, and not ignored."""
    monkeypatch.setenv("SKEP_RETENTION", "a week")

    with pytest.raises(InvalidInput, match="SKEP_RETENTION"):
        _ = read_settings(folder=tmp_path).retention_s


@pytest.mark.parametrize("is_asked", [True, False])
async def test_a_worker_forgets_only_where_it_was_asked(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, *, is_asked: bool
) -> None:
    """Soon after its start and every hour then, and never without a caretaker."""
    caretaker = Caretaker(retention=store.retention, clock=clock, keep_s=10)
    scheduler, roster = TaskScheduler(store.leases), Roster()
    await cancelled(store, "first")

    async def pass_time(seconds: float) -> int:
        for _ in range(20):
            clock.advance(seconds / 20)
            await asyncio.wait([asyncio.create_task(clock.sleep(0))], timeout=0.05)
        return len(await store.registry.swarms())

    working = worker(bench(store, clock, chance, roster=roster), roster)
    async with Runtime(working, scheduler, clock, caretaker=caretaker if is_asked else None):
        left = [await pass_time(TIDY_FIRST_S + 20)]
        await cancelled(store, "second")
        left.append(await pass_time(TIDY_S / 2))
        left.append(await pass_time(TIDY_S))

    assert left == ([0, 1, 0] if is_asked else [1, 2, 2])
