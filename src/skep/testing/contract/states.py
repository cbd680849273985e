"""States: whole swarms written down at one moment, and what becomes of what was written."""

# ruff: noqa: PLR2004 - expected figures are literal

import asyncio
from dataclasses import replace

import pytest

from skep.hive.imaging import image_of, taken
from skep.ports.store import Store
from skep.records.capture import CAPTURES_KEPT, Capture, CaptureKind, Part
from skep.records.capture_errors import CaptureUnusable
from skep.records.errors import ArtifactNotFound, LimitExceeded, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.imaging import image_from, image_parts
from skep.records.limits import CAPTURE_LABEL_CHARS_MAX
from skep.records.outcome import Artifact, Succeeded
from skep.records.purse import Amount, Budget
from skep.records.swarm import SwarmMove
from skep.records.values import blob_digest
from skep.testing.acts import claim, settle, steer, submit, succeed, write
from skep.testing.clock import ManualClock
from skep.testing.contract.retention import ended, forget
from skep.testing.harness import Harness, InspectableStore
from skep.testing.samples import addition, failed, intent, many, record, task

S = SwarmId("s")
SNAPSHOT, CHECKPOINT, STATE = CaptureKind.SNAPSHOT, CaptureKind.CHECKPOINT, CaptureKind.STATE
NOISE = "".join(f"{number * 7919 % 104729:05}" for number in range(6_000))
"""Text that does not compress to less than what a capture holds in itself."""


async def busy(store: Store) -> None:
    """Make a swarm of which each thing that an image holds is there."""
    await submit(store, "s", task("a"), task("b", "a"), task("c"), budget=Budget(requests=9))
    a, c = await claim(store)
    await write(store, intent(a.token, reserve=Amount(requests=1)))
    await write(store, record(a.token, value="answer", usage=Amount(requests=1)))
    await store.blobs.put([b"x"])
    named = Artifact(name="x", media_type="text/plain", digest=blob_digest(b"x"), size_bytes=1)
    await settle(store, Succeeded(value=[1, "é"], artifacts=(named,)), a)
    await write(store, intent(c.token))
    await steer(store, "s", SwarmMove.TELL, text="Be quick", by="ann", command="tell-1")


async def snapshot(store: Store, label: str = "", swarm: SwarmId = S) -> Capture:
    """Take a snapshot of a swarm."""
    return await taken(store, await store.states.image(swarm), SNAPSHOT, label=label)


async def go_on(store: Store, times: int = 1) -> None:
    """Let something happen to the swarm, so that its next image is another one."""
    for _ in range(times):
        await steer(store, "s", SwarmMove.TELL, text="Go on", by="ann")


async def noisy(store: Store) -> None:
    """Make a swarm whose image is larger than what a capture holds in itself."""
    parts = [NOISE[at : at + 5_000] for at in range(0, len(NOISE), 5_000)]
    tasks = [task(f"t{place}", input=part[::-1] + part) for place, part in enumerate(parts)]
    await submit(store, "s", *tasks, *many(400, "u"))


def loose(*, seq: int = 1, swarm: str = "s") -> Capture:
    """Name a state of a swarm."""
    return Capture(swarm=SwarmId(swarm), kind=STATE, number=0, at=0.0, seq=seq)


class ImagesContract:
    """Invariant 30: an image is the whole swarm, as of one moment."""

    async def test_an_image_is_what_the_ports_read(self, store: InspectableStore) -> None:
        """Each part of an image is what its own port gives at that moment."""
        await busy(store)

        image = await store.states.image(S)

        dump = await store.dump()
        assert image.swarm == await store.registry.swarm(S)
        assert [each.task for each in image.tasks] == list(await store.registry.tasks(S))
        assert list(image.events) == list(dump.events)
        assert list(image.told) == list(dump.told)
        assert [step for each in image.tasks for step in each.steps] == list(dump.steps)
        found = [(each.task.ref, one) for each in image.tasks for one in each.artifacts]
        assert found == list(await store.registry.artifacts(S))
        assert [each.ups for each in image.tasks] == [(), ("a",), ()]
        assert image.commands == ("submit-s", "tell-1")

    async def test_an_image_is_read_back_from_its_parts(self, store: InspectableStore) -> None:
        """What is written of an image is all of it."""
        await busy(store)
        image = await store.states.image(S)

        assert image_from(image_parts(image)) == image

    async def test_an_unknown_swarm_has_no_image(self, store: InspectableStore) -> None:
        """Whoever is not there is not captured, suspended, or told of."""
        ghost = SwarmId("ghost")
        asked = (
            store.states.image(ghost),
            store.states.keep(loose(swarm="ghost")),
            store.states.captures(ghost),
            store.states.drop(ghost, SNAPSHOT, 1),
            store.states.suspend(ghost),
        )

        answers = await asyncio.gather(*asked, return_exceptions=True)

        assert [type(answer) for answer in answers] == [SwarmNotFound] * len(asked)

    async def test_an_image_holds_later_runs_and_spawned_edges(
        self, store: InspectableStore
    ) -> None:
        """The journals of earlier runs are in an image, and the edges that a spawn has made."""
        await submit(store, "s", task("a"), task("b", "a"))
        [a] = await claim(store)
        await write(store, intent(a.token))
        await write(store, record(a.token))
        await store.work.add([addition("s", task("c"), token=a.token)])
        await settle(store, failed(), a)
        await succeed(store, *await claim(store))
        await steer(store, "s", SwarmMove.REOPEN, "a")
        [again] = await claim(store)
        await write(store, intent(again.token, "second"))

        image = await store.states.image(S)

        assert [(step.run, step.key) for step in image.tasks[0].steps] == [(1, "k"), (2, "second")]
        assert [each.ups for each in image.tasks] == [(), ("a", "c"), ()]


class CapturesContract:
    """Invariants 30 and 31: captures are numbered, bounded, and kept with what they need."""

    async def test_captures_of_a_kind_are_numbered(self, store: InspectableStore) -> None:
        """Each kind counts for itself, and the newest is listed first."""
        await busy(store)
        await snapshot(store)
        await go_on(store)

        second = await snapshot(store)
        first = await taken(store, await store.states.image(S), CHECKPOINT)

        found = await store.states.captures(S, kind=SNAPSHOT)
        assert (second.number, first.number) == (2, 1)
        assert [each.number for each in found] == [2, 1]
        assert len(await store.states.captures(S)) == 3

    async def test_the_same_image_again_is_one_capture(self, store: InspectableStore) -> None:
        """Whoever captures what stands captured already is given that one."""
        await busy(store)

        captures = [await snapshot(store), await snapshot(store)]

        assert captures[0] == captures[1]
        assert list(await store.states.captures(S)) == captures[:1]

    async def test_a_capture_tells_of_itself(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Its time is the store's, its cursor the last event, and its counts those of the tasks."""
        await busy(store)
        clock.advance(7)

        made = await snapshot(store, "before lunch")

        now = await store.registry.swarm(S)
        assert (made.at, made.seq, made.label) == (clock.now(), now.last_seq, "before lunch")
        assert (made.tasks, made.ended, made.name) == (3, 1, "snapshot/1")

    async def test_the_image_of_a_capture_is_that_of_its_moment(
        self, store: InspectableStore
    ) -> None:
        """What happens afterwards changes no capture."""
        await busy(store)
        image = await store.states.image(S)
        made = await taken(store, image, SNAPSHOT)

        await steer(store, "s", SwarmMove.CANCEL)

        assert await image_of(store, made) == image

    async def test_ten_stay_without_a_label(self, store: InspectableStore) -> None:
        """The oldest of a kind go; those with a label stay, and no number is used again."""
        await submit(store, "s", task("a"))
        labelled = await snapshot(store, "keep")
        for _ in range(CAPTURES_KEPT + 2):
            await go_on(store)
            await snapshot(store)

        found = await store.states.captures(S, kind=SNAPSHOT)

        assert [each.number for each in found] == [*range(13, 3, -1), labelled.number]

    async def test_one_state_stays(self, store: InspectableStore) -> None:
        """A saved state replaces the one before, under the next version."""
        await submit(store, "s", task("a"))
        await store.states.keep(loose(seq=1))

        second = await store.states.keep(loose(seq=2))

        assert second.number == 2
        assert list(await store.states.captures(S)) == [second]

    async def test_a_label_is_bounded(self, store: InspectableStore) -> None:
        """A label that is too long is refused by the name of its limit."""
        await submit(store, "s", task("a"))

        with pytest.raises(LimitExceeded, match="CAPTURE_LABEL_CHARS_MAX"):
            await snapshot(store, "x" * (CAPTURE_LABEL_CHARS_MAX + 1))

    async def test_a_part_must_be_kept(self, store: InspectableStore) -> None:
        """A capture whose part is no content of the store is refused, and leaves nothing."""
        await submit(store, "s", task("a"))
        part = Part(digest=blob_digest(b"nowhere"), size_bytes=7)

        with pytest.raises(ArtifactNotFound):
            await store.states.keep(replace(loose(), kind=SNAPSHOT, parts=(part,)))

        assert list(await store.states.captures(S)) == []

    async def test_a_large_image_stands_in_contents(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Parts over the bound of a record are contents, and stay while the capture does (31)."""
        await noisy(store)
        image = await store.states.image(S)
        made = await taken(store, image, SNAPSHOT)
        assert not made.parts[0].inline
        clock.advance(1)

        kept = await store.retention.drop_blobs(clock.now())

        assert kept.blobs == 0
        assert await image_of(store, made) == image

    async def test_dropping_a_capture_lets_its_own_parts_go(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What only the dropped capture was made of goes; what another shares stays."""
        await noisy(store)
        first = await snapshot(store)
        await go_on(store)
        second = await snapshot(store)
        shared = {part.digest for part in first.parts} & {part.digest for part in second.parts}

        answers = [await store.states.drop(S, SNAPSHOT, 1) for _ in range(2)]

        clock.advance(1)
        gone = await store.retention.drop_blobs(clock.now())
        assert answers == [True, False]
        assert gone.blobs == len(first.parts) - len(shared)
        assert await image_of(store, second)
        with pytest.raises(CaptureUnusable):
            await image_of(store, first)

    async def test_captures_go_with_their_swarm(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A forgotten swarm leaves no capture, and none of the parts of one."""
        await ended(store, "s")
        await noisy_capture(store)
        clock.advance(1)

        await forget(store, "s", before=clock.now())

        gone = await store.retention.drop_blobs(clock.now())
        assert gone.blobs == 1
        with pytest.raises(SwarmNotFound):
            await store.states.captures(S)

    async def test_a_part_of_two_captures_stays_for_the_other(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A content that captures of two swarms are made of goes with the last of them."""
        await ended(store, "s")
        await noisy_capture(store)
        await submit(store, "t", task("a"))
        other = await noisy_capture(store, "t")
        clock.advance(1)

        await forget(store, "s", before=clock.now())

        clock.advance(1)
        first = await store.retention.drop_blobs(clock.now())
        await store.states.drop(SwarmId("t"), SNAPSHOT, other.number)
        second = await store.retention.drop_blobs(clock.now())
        assert (first.blobs, second.blobs) == (0, 1)

    async def test_captures_survive_a_crash(
        self, store: InspectableStore, harness: Harness
    ) -> None:
        """What was kept is there after the process was killed, and its numbers go on."""
        await busy(store)
        made = await snapshot(store)

        left = await harness.crash()

        assert list(await left.states.captures(S)) == [made]
        await go_on(left)
        assert (await snapshot(left)).number == made.number + 1

    async def test_what_is_done_with_captures_is_counted(self, store: InspectableStore) -> None:
        """The totals of a store count by kind what was kept, and what was dropped."""
        await busy(store)
        await snapshot(store)
        await store.states.keep(loose())
        await store.states.drop(S, SNAPSHOT, 1)

        totals = await store.states.totals()

        counts = [totals.of(name) for name in ("snapshot", "state", "checkpoint", "dropped")]
        assert counts == [1, 1, 0, 1]


async def noisy_capture(store: Store, swarm: str = "s") -> Capture:
    """Keep a capture with one part beside it."""
    [digest] = await store.blobs.put([b"a part"])
    part = Part(digest=digest, size_bytes=6)
    return await store.states.keep(replace(loose(swarm=swarm), kind=SNAPSHOT, parts=(part,)))
