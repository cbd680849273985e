"""The state of swarms: saved, captured on time, recovered and counted."""

from dataclasses import replace

import pytest

from skep.drivers.memory import MemoryStore
from skep.hive.snapshots import Snapshots
from skep.hive.state import SwarmState
from skep.policy.capturing import SNAPSHOT_EVERY_S
from skep.policy.confidence import confidence, facts_of
from skep.policy.recovery import rebuilt
from skep.records.capture import CAPTURES_KEPT, CaptureKind, Part
from skep.records.capture_errors import CaptureNotFound, CaptureUnusable
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove
from skep.records.values import blob_digest
from skep.testing.acts import claim_one, steer, submit, succeed, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import addition, chain, intent, many, record, task

SNAPSHOT, CHECKPOINT = CaptureKind.SNAPSHOT, CaptureKind.CHECKPOINT


@pytest.fixture
def state(store: MemoryStore, clock: ManualClock, chance: SeededChance) -> SwarmState:
    """The state of the swarms of that store."""
    return SwarmState(store=store, clock=clock, chance=chance)


async def numbers(state: SwarmState, kind: CaptureKind) -> list[int]:
    """Number the captures of a kind, the newest first."""
    return [each.number for each in await state.captures("s", kind=kind)]


async def go_on(state: SwarmState, clock: ManualClock) -> None:
    """Let something happen, and the time of a snapshot pass."""
    await steer(state.store, "s", SwarmMove.TELL, text="Go on", by="ann")
    clock.advance(SNAPSHOT_EVERY_S)


async def test_a_saved_state_is_loaded(state: SwarmState) -> None:
    """The version grows with each save of something new, and loading gives the last."""
    await submit(state.store, "s", *chain(2))
    assert await state.load("s") is None
    await state.save("s")
    await succeed(state.store, await claim_one(state.store))

    second = await state.save("s")

    assert second.number == 2
    assert await state.load("s") == second


async def test_a_capture_that_is_not_there_is_told(state: SwarmState) -> None:
    """An unknown number raises, with the command that lists those that are there."""
    await submit(state.store, "s", task("a"))

    with pytest.raises(CaptureNotFound):
        await state.restore("s", 7)


async def test_a_damaged_capture_is_passed_over(store: MemoryStore, state: SwarmState) -> None:
    """Recovery takes an older point when the newest cannot be read."""
    await submit(state.store, "s", task("a"))
    await state.create_checkpoint("s")
    part = Part(digest=blob_digest(b"whole"), size_bytes=5, inline="bm90IHdob2xl")
    good = (await state.captures("s"))[0]
    broken = await store.states.keep(replace(good, seq=good.seq + 1, parts=(part,)))
    await store.forget_tasks([TaskRef(swarm=SwarmId("s"), key=TaskKey("a"))])

    result = await state.recover("s")

    assert (result.source, result.capture) == (CHECKPOINT, 1)
    with pytest.raises(CaptureUnusable):
        await state.image("s", CHECKPOINT, broken.number)


async def test_a_journal_that_is_left_is_used(store: MemoryStore, state: SwarmState) -> None:
    """An answer recorded after the point is found again where the store knows whose it was."""
    await submit(store, "s", task("a"))
    await state.create_checkpoint("s")
    grant = await claim_one(store)
    await write(store, intent(grant.token))
    await write(store, record(grant.token, value="paid"))
    await store.forget_tasks([TaskRef(swarm=SwarmId("s"), key=TaskKey("a"))])

    result = await state.recover("s")

    again = await claim_one(store)
    found = await write(store, intent(again.token, name="j"))
    assert (found.verdict, result.redone) == (StepVerdict.FOUND, ())


async def test_answers_that_are_gone_are_counted(store: MemoryStore, state: SwarmState) -> None:
    """A task that has to make its calls again is named, with how many answers are gone."""
    await submit(store, "s", task("a"))
    await state.create_checkpoint("s")
    grant = await claim_one(store)
    await write(store, intent(grant.token))
    await write(store, record(grant.token, value="paid"))
    await store.forget_tasks([TaskRef(swarm=SwarmId("s"), key=TaskKey("a"))])
    live = replace(await store.states.image(SwarmId("s")), loose=())
    point = await state.image("s", CHECKPOINT, 1)

    result = rebuilt(live, point, source="checkpoint/1", at=0.0)

    assert [note.note for note in result.notes] == ["1 recorded answers after the point are gone"]
    facts = facts_of(live, point, result)
    assert [(fact.name, fact.share) for fact in facts] == [
        ("freshness", 1.0),
        ("definitions", 1.0),
        ("attempts", 0.0),
    ]
    assert confidence(facts) == 0.8


async def test_statistics_count_what_was_done(state: SwarmState) -> None:
    """Every kind of capture is counted, and what became of swarms."""
    await submit(state.store, "s", task("a"))
    await state.save("s")
    await state.create_snapshot("s", "kept")
    await state.restore("s", 1)
    await state.recover("s")

    assert await state.statistics() == {
        "state": 1,
        "checkpoint": 0,
        "snapshot": 1,
        "dropped": 0,
        "reinstated": 1,
        "founded": 1,
    }


class TestSnapshots:
    """The duty of taking snapshots."""

    async def test_a_swarm_that_changed_is_captured_every_five_minutes(
        self, state: SwarmState, clock: ManualClock
    ) -> None:
        """Not before its time, and not when nothing happened."""
        duty = Snapshots(state=state)
        await submit(state.store, "s", *many(9))
        await duty.perform()
        await steer(state.store, "s", SwarmMove.TELL, text="Go on", by="ann")
        await duty.perform()
        too_soon = await numbers(state, SNAPSHOT)
        clock.advance(SNAPSHOT_EVERY_S)

        await duty.perform()
        clock.advance(SNAPSHOT_EVERY_S)
        unchanged = await duty.perform()

        assert too_soon == [1]
        assert await numbers(state, SNAPSHOT) == [2, 1]
        assert unchanged == 0

    async def test_ten_are_kept(self, state: SwarmState, clock: ManualClock) -> None:
        """However long a swarm lives, no more than ten automatic ones stay."""
        duty = Snapshots(state=state)
        await submit(state.store, "s", task("a"))
        for _ in range(CAPTURES_KEPT + 3):
            await duty.perform()
            await go_on(state, clock)

        assert await numbers(state, SNAPSHOT) == list(range(13, 3, -1))

    async def test_a_milestone_makes_a_checkpoint(
        self, state: SwarmState, clock: ManualClock
    ) -> None:
        """A plan that grew, and each quarter of its tasks that has ended."""
        duty = Snapshots(state=state)
        await submit(state.store, "s", *many(7), sealed=False)
        await duty.perform()
        await state.store.work.add([addition("s", task("late"))])
        await duty.perform()
        grown = await numbers(state, CHECKPOINT)
        await succeed(state.store, await claim_one(state.store))
        await duty.perform()
        one_of_eight = await numbers(state, CHECKPOINT)
        await succeed(state.store, await claim_one(state.store))

        await duty.perform()

        assert (grown, one_of_eight) == ([2, 1], [2, 1])
        assert await numbers(state, CHECKPOINT) == [3, 2, 1]

    async def test_two_at_it_make_one(self, state: SwarmState) -> None:
        """Two processes that do the duty at once leave one capture of each moment."""
        await submit(state.store, "s", task("a"))

        await Snapshots(state=state).perform()
        await Snapshots(state=state).perform()

        assert await numbers(state, SNAPSHOT) == [1]
        assert await numbers(state, CHECKPOINT) == [1]

    async def test_what_has_nothing_to_lose_is_left_alone(self, state: SwarmState) -> None:
        """A standing team without tasks, and a swarm that has ended, are not written down."""
        await submit(state.store, "s", sealed=False)
        await submit(state.store, "t", task("a"))
        await succeed(state.store, await claim_one(state.store))

        assert await Snapshots(state=state).perform() == 0

    async def test_all_pages_are_looked_through(self, state: SwarmState) -> None:
        """Swarms beyond the first page are captured too, whether they are paused or not."""
        for number in range(205):
            await submit(state.store, f"s{number}", task("a"))
        await steer(state.store, "s0", SwarmMove.PAUSE)

        assert await Snapshots(state=state).perform() == 410
