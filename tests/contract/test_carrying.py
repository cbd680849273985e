"""A whole swarm in one file: from any store into any other, and refused when it was touched."""

import json
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from skep.hive.carrying import export_swarm, import_swarm
from skep.hive.state import SwarmState
from skep.records.capture_errors import CaptureUnusable
from skep.records.errors import InvalidInput
from skep.records.ids import SwarmId
from skep.records.outcome import Artifact, Succeeded
from skep.records.purse import Amount, Budget
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.values import blob_digest, digest_of
from skep.testing.acts import claim, settle, steer, submit, succeed, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.invariants import check
from skep.testing.memory import MemoryHarness
from skep.testing.redis import RedisHarness
from skep.testing.samples import intent, record, task
from skep.testing.sqlite import SqliteHarness

S = SwarmId("s")
SECRET = b"a report"


@pytest.fixture
async def state(clock: ManualClock) -> AsyncIterator[SwarmState]:
    """The state of a store in memory with a swarm half done."""
    store = await MemoryHarness().open(clock=clock, chance=SeededChance(5))
    await half_done(store)
    yield of(store, clock)
    check(await store.dump())


def of(store: InspectableStore, clock: ManualClock) -> SwarmState:
    """Give the state of a store."""
    return SwarmState(store=store, clock=clock, chance=SeededChance(11))


async def half_done(store: InspectableStore) -> None:
    """Submit a swarm, pay for an answer, and let its first task succeed."""
    await submit(store, "s", task("a"), task("b", "a"), task("c"), budget=Budget(requests=9))
    a, c = await claim(store)
    await write(store, intent(a.token, reserve=Amount(requests=1)))
    await write(store, record(a.token, value="paid", usage=Amount(requests=1)))
    await write(store, intent(c.token, reserve=Amount(requests=1)))
    await write(store, record(c.token, value="paid too", usage=Amount(requests=1)))
    await store.blobs.put([SECRET])
    named = Artifact(
        name="report", media_type="text/plain", digest=blob_digest(SECRET), size_bytes=8
    )
    await settle(store, Succeeded(value=1, artifacts=(named,)), a)
    await steer(store, "s", SwarmMove.TELL, text="Be quick", by="ann")


@pytest.fixture(params=["memory", "sqlite", "redis"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    """Each store that a swarm can be carried into."""
    if request.param == "memory":
        return MemoryHarness()
    if request.param == "sqlite":
        return SqliteHarness(tmp_path / "other.db")
    return RedisHarness(request.getfixturevalue("redis_url"))


async def test_a_swarm_is_carried_into_another_store(
    state: SwarmState, other: Harness, clock: ManualClock, tmp_path: Path
) -> None:
    """There it has its id, its log and its results, and pays nothing twice."""
    file = tmp_path / "swarm.skep"
    made = await export_swarm(state, "s", file)
    store = await other.open(clock=clock, chance=SeededChance(6))

    carried = await import_swarm(of(store, clock), file)

    before, after = await state.store.states.image(S), await store.states.image(S)
    assert (carried.swarm, carried.of, made.contents, carried.contents) == ("s", "s", 1, 1)
    assert after.events[: len(before.events)] == before.events
    assert await store.blobs.get(blob_digest(SECRET)) == SECRET
    b, c = await claim(store)
    found = await write(store, intent(c.token, name="j"))
    assert (found.verdict, found.value) == (StepVerdict.FOUND, '"paid too"')
    await succeed(store, b, c)
    assert (await store.registry.swarm(S)).status is SwarmStatus.COMPLETED
    check(await store.dump())
    await other.dispose()


async def test_a_swarm_is_carried_back(
    state: SwarmState, other: Harness, clock: ManualClock, tmp_path: Path
) -> None:
    """What one store exports is the same to the letter when another exports it again."""
    store = await other.open(clock=clock, chance=SeededChance(6))
    await export_swarm(state, "s", tmp_path / "first")
    await import_swarm(of(store, clock), tmp_path / "first")

    await export_swarm(of(store, clock), "s", tmp_path / "second")

    there = await store.states.image(S)
    back = await MemoryHarness().open(clock=clock, chance=SeededChance(8))
    await import_swarm(of(back, clock), tmp_path / "second")
    home = await back.states.image(S)
    assert [replace(each.task, is_last=True) for each in home.tasks] == [
        replace(each.task, is_last=True) for each in there.tasks
    ]
    assert [each.steps for each in home.tasks] == [each.steps for each in there.tasks]
    await other.dispose()


async def test_an_id_that_is_taken_becomes_another_swarm(state: SwarmState, tmp_path: Path) -> None:
    """Imported where the swarm itself is, the file becomes a copy beside it."""
    await export_swarm(state, "s", tmp_path / "file")

    carried = await import_swarm(state, tmp_path / "file")

    assert carried.swarm != carried.of
    copy = await state.store.states.image(carried.swarm)
    assert copy.tasks[0].task.outcome == "1"
    assert copy.events[-1].kind == "task.reinstated"


async def test_an_export_can_be_looked_into(state: SwarmState, tmp_path: Path) -> None:
    """The file is a zip, for its owner only, with a summary that a person can read."""
    file = tmp_path / "file"
    await export_swarm(state, "s", file)

    with zipfile.ZipFile(file) as opened:
        told = json.loads(opened.read("swarm.json"))

    assert file.stat().st_mode & 0o777 == 0o600
    assert [each["outcome"] for each in told["tasks"]] == [1, None, None]


async def test_a_place_where_no_file_can_be_is_refused(state: SwarmState, tmp_path: Path) -> None:
    """A folder that is not there is named, and nothing is left behind."""
    with pytest.raises(InvalidInput):
        await export_swarm(state, "s", tmp_path / "nowhere" / "file")

    assert list(tmp_path.iterdir()) == []


def cut(file: Path) -> None:
    """Lose the end of a file."""
    file.write_bytes(file.read_bytes()[:-200])


def flip(file: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0x55
    file.write_bytes(content)


def rewritten(change: Callable[[dict[str, bytes]], None]) -> Callable[[Path], None]:
    """Write a file anew with other entries."""

    def spoil(file: Path) -> None:
        with zipfile.ZipFile(file) as opened:
            entries = {name: opened.read(name) for name in opened.namelist()}
        change(entries)
        with zipfile.ZipFile(file, "w") as opened:
            for name, content in entries.items():
                opened.writestr(name, content)

    return spoil


def edit_a_record(entries: dict[str, bytes]) -> None:
    """Change the outcome of a task, as with an editor."""
    entries["image/000001.jsonl"] = entries["image/000001.jsonl"].replace(b'"1"', b'"2"')


def lose_a_content(entries: dict[str, bytes]) -> None:
    """Take a content out."""
    del entries[f"contents/{blob_digest(SECRET)}"]


def add_an_entry(entries: dict[str, bytes]) -> None:
    """Put something in that the manifest does not know."""
    entries["contents/../../evil"] = b"x"


def newer(entries: dict[str, bytes]) -> None:
    """Pretend that a newer Skep wrote it, with a digest that fits."""
    seal_anew(entries, lambda told: told.update(format=99))


def another_swarm(entries: dict[str, bytes]) -> None:
    """Let the manifest name another swarm, with a digest that fits."""
    seal_anew(entries, lambda told: told.update(swarm="t"))


def seal_anew(entries: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and make its digest fit again."""
    told = json.loads(entries["manifest.json"])
    del told["digest"]
    change(told)
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    entries["manifest.json"] = json.dumps({**told, "digest": digest_of(text)}).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        flip,
        *map(
            rewritten,
            (edit_a_record, lose_a_content, add_an_entry, newer, another_swarm),
        ),
    ],
)
async def test_a_file_that_was_touched_is_refused(
    state: SwarmState, clock: ManualClock, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """Whatever was done to it, the refusal is typed and nothing of it is stored."""
    file = tmp_path / "file"
    await export_swarm(state, "s", file)
    spoil(file)
    store = await MemoryHarness().open(clock=clock, chance=SeededChance(6))
    before = await store.dump()

    with pytest.raises(CaptureUnusable):
        await import_swarm(of(store, clock), file)

    assert await store.dump() == before


async def test_what_is_no_export_is_refused(state: SwarmState, tmp_path: Path) -> None:
    """A file that is not there, or is something else, is no swarm."""
    (tmp_path / "text").write_text("hello")

    for name in ("nothing", "text"):
        with pytest.raises(CaptureUnusable):
            await import_swarm(state, tmp_path / name)


async def test_bytes_changed_by_chance_are_refused_or_make_no_difference(
    state: SwarmState, clock: ManualClock, tmp_path: Path
) -> None:
    """Whatever byte is wrong, the file is refused whole, or gives the swarm as it was."""
    random, file = Random(1), tmp_path / "file"
    await export_swarm(state, "s", file)
    good, refused = file.read_bytes(), 0
    for _ in range(300):
        spoilt = bytearray(good)
        spoilt[random.randrange(len(good))] ^= random.randrange(1, 256)
        file.write_bytes(spoilt[: random.choice([len(good), random.randrange(len(good))])])
        store = await MemoryHarness().open(clock=clock, chance=SeededChance(6))
        before = await store.dump()
        try:
            await import_swarm(of(store, clock), file)
        except CaptureUnusable:
            refused += 1
            assert await store.dump() == before
        else:
            assert (await store.states.image(S)).tasks[0].task.outcome == "1"
    assert refused > 200
