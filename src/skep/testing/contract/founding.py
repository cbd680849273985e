"""Founding: a swarm that begins where the image of another one ends."""

# ruff: noqa: PLR2004 - expected figures are literal

from dataclasses import replace

from skep.hive.state import SwarmState
from skep.policy.recovery import copied, copy_news
from skep.ports.store import Store
from skep.records.capture import CaptureKind
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.errors import ArtifactNotFound, CommandConflict
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.image import Image, renamed
from skep.records.lease import Grant
from skep.records.outcome import Blocked, SettleVerdict
from skep.records.purse import Amount, Budget
from skep.records.recovering import Founding
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.records.values import BlobRef, Digest
from skep.testing.acts import ask, claim, claim_one, settle, steer, submit, succeed, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.contract.recovering import checkpoint, drained
from skep.testing.harness import Harness, InspectableStore
from skep.testing.samples import chain, intent, many, record, task

S, COPY = SwarmId("s"), SwarmId("t")
NOWHERE = BlobRef(digest=Digest("ab" * 32), size_bytes=40_000)


def founding(image: Image, clock: ManualClock, *, command: str = "found-t") -> Founding:
    """Ask for a copy of an image."""
    copy = renamed(copied(image, at=clock.now()), COPY)
    news = copy_news(image, copy, capture="snapshot/1")
    return Founding(command=command, digest="d", image=copy, news=news)


async def found(store: Store, clock: ManualClock) -> None:
    """Make a copy of the swarm, which must be taken."""
    answer = await store.states.found(founding(await store.states.image(S), clock))
    assert isinstance(answer, Receipt), answer


async def of_copy(store: Store) -> Grant:
    """Claim a task of the copy, the first swarm being paused."""
    await steer(store, "s", SwarmMove.PAUSE)
    return await claim_one(store, worker="w2")


class FoundingContract:
    """Invariant 46: a copy has the whole past of its first swarm, and a future of its own."""

    async def test_a_copy_goes_on_where_the_image_ends(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What was done is done, what ran is ready, and the log begins as that of the first."""
        await submit(store, "s", *chain(3))
        await succeed(store, await claim_one(store), value="kept")
        await claim_one(store)
        image = await store.states.image(S)

        await found(store, clock)

        now = await store.states.image(COPY)
        assert [each.task.status for each in now.tasks] == [
            TaskStatus.SUCCEEDED,
            TaskStatus.READY,
            TaskStatus.WAITING,
        ]
        assert now.tasks[0].task.outcome == '"kept"'
        assert [each.kind for each in now.events[: image.swarm.last_seq]] == [
            each.kind for each in image.events
        ]
        assert now.events[image.swarm.last_seq].data["of"] == "s"

    async def test_the_first_swarm_stays_as_it_is(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Nothing of the first swarm changes, and its holders hold on."""
        await submit(store, "s", *chain(2))
        grant = await claim_one(store)
        before = await store.states.image(S)

        await found(store, clock)

        assert await store.states.image(S) == before
        assert await succeed(store, grant) == [SettleVerdict.OK]

    async def test_answers_of_the_first_swarm_are_free(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A call that was recorded before is found in the journal of the copy (19, 22)."""
        await submit(store, "s", task("a"), budget=Budget(requests=9))
        grant = await claim_one(store)
        await write(store, intent(grant.token, reserve=Amount(requests=1)))
        await write(store, record(grant.token, value="paid", usage=Amount(requests=1)))
        await write(store, intent(grant.token, "open", reserve=Amount(requests=2)))

        await found(store, clock)

        again = await of_copy(store)
        answer = await write(store, intent(again.token, name="j"))
        assert (answer.verdict, answer.value) == (StepVerdict.FOUND, '"paid"')
        purse = (await store.registry.swarm(COPY)).purse
        assert (purse.spent.requests, purse.reserved.requests, purse.open) == (1, 0, 0)

    async def test_founding_is_safe_to_repeat(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The same command gives the same swarm, another one for a taken id is refused (16)."""
        await submit(store, "s", *chain(2))
        image = await store.states.image(S)
        asked = founding(image, clock)
        await store.states.found(asked)

        again = await store.states.found(asked)
        other = await store.states.found(replace(asked, digest="other"))
        taken_id = await store.states.found(replace(asked, command="found-again"))

        assert isinstance(again, Receipt)
        assert again.verdict is ReceiptVerdict.ALREADY
        assert isinstance(other, CommandConflict)
        assert isinstance(taken_id, CommandConflict)

    async def test_an_image_without_its_contents_is_refused(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A reference that leads nowhere is refused, and nothing is made (31)."""
        await submit(store, "s", task("a"))
        image = await store.states.image(S)
        a = image.tasks[0]
        spec = replace(a.task.spec, input=NOWHERE.as_json())
        hollow = replace(image, tasks=(replace(a, task=replace(a.task, spec=spec)),))
        before = await store.dump()

        answer = await store.states.found(founding(hollow, clock))

        assert isinstance(answer, ArtifactNotFound)
        assert await store.dump() == before

    async def test_a_copy_of_what_has_ended_has_ended(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A completed swarm is copied with its results, and nothing of it is to do."""
        await submit(store, "s", *chain(2))
        await drained(store)

        await found(store, clock)

        copy = await store.registry.swarm(COPY)
        assert copy.status is SwarmStatus.COMPLETED
        assert list(await claim(store)) == []
        assert await store.retention.due(clock.now() + 1)

    async def test_an_open_question_is_asked_anew(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What the first swarm asked a person and nobody answered, the copy asks itself."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        asked = await ask(store, grant.token)
        await settle(store, Blocked(reason="a person is asked", awaits=(asked,)), grant)

        await found(store, clock)

        again = await of_copy(store)
        assert again.token.swarm == COPY
        second = await ask(store, again.token)
        assert second != asked

    async def test_a_copy_keeps_the_time_that_a_task_rests(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A delay of the first swarm runs on in the copy."""
        await submit(store, "s", task("a", delay_s=60.0))

        await found(store, clock)

        clock.advance(61)
        assert (await store.leases.sweep()).woken == 2

    async def test_a_large_swarm_is_founded_whole(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm that takes many pieces is there with all of them, or not at all."""
        tasks = [*many(300), task("z", *[f"t{place:04}" for place in range(300)])]
        await submit(store, "s", *tasks)
        await succeed(store, *await claim(store, 10))

        await found(store, clock)

        copy = await store.registry.swarm(COPY)
        assert copy.counts[TaskStatus.READY] == 290
        await steer(store, "s", SwarmMove.CANCEL)
        assert len(await drained(store, COPY)) == 291

    async def test_a_copy_survives_a_crash(
        self, store: InspectableStore, clock: ManualClock, harness: Harness
    ) -> None:
        """What was founded is there after the process was killed."""
        await submit(store, "s", *chain(2))
        await found(store, clock)

        left = await harness.crash()

        assert [each.task.status for each in (await left.states.image(COPY)).tasks] == [
            TaskStatus.READY,
            TaskStatus.WAITING,
        ]

    async def test_a_snapshot_is_restored_as_a_new_swarm(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The facade restores a capture under a new id, and never rewinds the first log."""
        await submit(store, "s", *chain(2))
        await checkpoint(store)
        await drained(store)
        state = SwarmState(store=store, clock=clock, chance=SeededChance(7))

        restored = await state.restore("s", 1, kind=CaptureKind.CHECKPOINT)

        assert len(await drained(store, restored)) == 2
        first = await store.registry.read([TaskRef(swarm=S, key=TaskKey("t0"))])
        assert first[0].status is TaskStatus.SUCCEEDED
