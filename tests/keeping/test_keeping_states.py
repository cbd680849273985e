"""A backup of a store holds the captures of its swarms, with what they are made of (30, 31)."""

from pathlib import Path

from tests.keeping.conftest import Places, inspected

from skep.hive.imaging import image_of, taken
from skep.ports.store import Store
from skep.records.capture import Capture, CaptureKind
from skep.records.ids import SwarmId
from skep.testing.acts import submit
from skep.testing.contract.states import noisy
from skep.testing.invariants import check
from skep.testing.samples import task

S = SwarmId("s")


async def snapshot(store: Store) -> Capture:
    """Take a snapshot of the swarm."""
    return await taken(store, await store.states.image(S), CaptureKind.SNAPSHOT)


async def test_a_small_capture_is_restored_with_its_swarm(places: Places, tmp_path: Path) -> None:
    """It is listed as it was, its image is whole, and the next one has the next number."""
    async with await places.here.open() as store:
        await submit(store, "s", task("a"))
        made = await snapshot(store)
        image = await store.states.image(S)
    await places.here.back_up(tmp_path / "backup")

    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        assert list(await store.states.captures(S)) == [made]
        assert await image_of(store, made) == image
        check(await inspected(store))


async def test_the_parts_of_a_large_capture_are_kept(places: Places, tmp_path: Path) -> None:
    """Its contents come back, and stay as long as it does."""
    async with await places.here.open() as store:
        await noisy(store)
        made = await snapshot(store)
    await places.here.back_up(tmp_path / "backup")

    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        gone = await store.retention.drop_blobs(9e9)
        assert gone.blobs == 0
        assert len((await image_of(store, made)).tasks) == made.tasks
        await store.states.drop(S, CaptureKind.SNAPSHOT, made.number)
        gone = await store.retention.drop_blobs(9e9)
        assert gone.blobs == len(made.parts)
