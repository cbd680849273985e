"""Retention: what has ended may be forgotten, what is live or referred to stays."""

import asyncio
from collections.abc import Sequence

import pytest

from skep.ports.store import Store
from skep.records.errors import (
    ApprovalNotFound,
    ArtifactNotFound,
    SkepError,
    SwarmKept,
    SwarmNotFound,
    TaskNotFound,
)
from skep.records.event import Cursor
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import BeatVerdict
from skep.records.outcome import Artifact, Settlement, SettleVerdict, Succeeded
from skep.records.retention import Dropped
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.values import BlobRef, Digest, Json, blob_digest
from skep.testing.acts import (
    ask,
    claim,
    claim_one,
    events,
    settle,
    steer,
    submit,
    succeed,
    write,
)
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.invariants import check
from skep.testing.samples import addition, failed, intent, many, record, submission, task

S = SwarmId("s")
LARGE = b'"large"'
PIECE = 16


async def forget(store: Store, *swarms: str, before: float) -> Sequence[bool | SkepError]:
    """Forget swarms, and clear what they leave."""
    answers = await store.retention.forget([SwarmId(swarm) for swarm in swarms], before=before)
    while await store.retention.clear():
        pass
    return answers


async def ended(store: Store, swarm: str) -> None:
    """Submit a swarm and let it end."""
    await submit(store, swarm, task("a"), task("b", "a"))
    await succeed(store, await claim_one(store))
    await succeed(store, await claim_one(store))


def ref_to(content: bytes) -> Json:
    """Refer to a content."""
    return BlobRef(digest=blob_digest(content), size_bytes=len(content)).as_json()


class RetentionContract:
    """Invariant 31: retention never removes what a live item refers to."""

    async def test_what_ended_before_is_due(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Ended swarms are due by their end, the oldest first; a live one never is."""
        for swarm in ("b", "a", "c"):
            await ended(store, swarm)
            clock.advance(10)
        await submit(store, "live", task("a"))

        due = await store.retention.due(clock.now() - 5)
        first = await store.retention.due(clock.now() - 5, limit=1)

        assert [swarm.id for swarm in due] == ["b", "a", "c"]
        assert [swarm.id for swarm in first] == ["b"]
        assert await store.retention.due(clock.now() - 30) == []

    async def test_what_a_forgotten_swarm_asked_and_failed_in_goes_with_it(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """No list shows a question or a dead letter of it, not even before it is cleared."""
        await submit(store, "s", task("a"), task("b"))
        asking, failing = await claim(store, limit=2)
        asked = await ask(store, asking.token, expires_s=60)
        await settle(store, failed(), asking, failing)
        clock.advance(10)

        await store.retention.forget([S], before=clock.now())

        assert await store.approvals.find(state=None) == []
        assert await store.registry.dead_letters() == []
        with pytest.raises(ApprovalNotFound):
            await store.approvals.read([asked])
        clock.advance(60)
        assert (await store.leases.sweep()).total == 0
        while await store.retention.clear():
            pass
        assert (await store.dump()).approvals == []

    async def test_a_reopened_swarm_is_not_due(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What was due and was begun anew is live again, and is refused."""
        await submit(store, "s", task("a"))
        await settle(store, failed(), await claim_one(store))
        clock.advance(10)
        [due] = await store.retention.due(clock.now())
        await steer(store, "s", SwarmMove.REOPEN)

        [answer] = await forget(store, due.id, before=clock.now())

        assert isinstance(answer, SwarmKept)
        assert await store.retention.due(clock.now() + 99) == []
        assert await claim(store)

    async def test_forgetting_is_told_apart(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Gone, live, ended too lately, and never there are four answers; again changes nothing."""
        await ended(store, "old")
        clock.advance(10)
        moment = clock.now()
        await ended(store, "young")
        await submit(store, "live", task("a"))

        answers = await forget(store, "old", "live", "young", "ghost", before=moment)
        again = await forget(store, "old", before=moment)

        assert answers[0] is True
        assert isinstance(answers[1], SwarmKept)
        assert isinstance(answers[2], SwarmKept)
        assert (answers[3], again) == (False, [False])
        assert {swarm.id for swarm in await store.registry.swarms()} == {"live", "young"}

    @pytest.mark.parametrize(
        "move",
        [SwarmMove.PAUSE, SwarmMove.INTERRUPT, None],
        ids=["paused", "interrupted", "active"],
    )
    async def test_a_live_swarm_is_never_forgotten(
        self, store: InspectableStore, clock: ManualClock, move: SwarmMove | None
    ) -> None:
        """However old it is and however it rests, a swarm that has not ended stays whole."""
        await submit(store, "s", task("a"), task("b", "a"))
        await succeed(store, await claim_one(store))
        if move:
            await steer(store, "s", move)
        clock.advance(1e9)
        before = await store.dump()

        [answer] = await forget(store, "s", before=clock.now())

        assert isinstance(answer, SwarmKept)
        assert await store.dump() == before

    async def test_a_forgotten_swarm_is_gone_at_once(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """From the first call on nothing of it can be read, although nothing was cleared yet."""
        await submit(store, "s", *many(300))
        grants = [*await claim(store), *await claim(store)]
        await write(store, intent(grants[0].token))
        await write(store, record(grants[0].token))
        await steer(store, "s", SwarmMove.CANCEL)
        clock.advance(1)

        await store.retention.forget([S], before=clock.now())

        dump, ref = await store.dump(), TaskRef(swarm=S, key=TaskKey("t0000"))
        assert (dump.swarms, dump.tasks, dump.events, dump.steps) == ([], [], [], [])
        assert (dump.edges, dump.seats, dump.drains) == ([], [], [])
        for reading in (
            store.registry.swarm(S),
            store.registry.tasks(S),
            store.registry.artifacts(S),
            store.log.read(Cursor(incarnation="", swarm=S)),
        ):
            with pytest.raises(SwarmNotFound):
                await reading
        with pytest.raises(TaskNotFound):
            await store.registry.read([ref])
        assert list(await store.journal.read(ref, run=1)) == []

    async def test_tokens_of_a_forgotten_swarm_are_fenced(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A worker that comes back with an old grant writes nothing, and harms nobody."""
        await submit(store, "s", task("a"), task("b"))
        grant, other = await claim(store)
        await write(store, intent(grant.token))
        await steer(store, "s", SwarmMove.CANCEL)
        clock.advance(1)
        await store.retention.forget([S], before=clock.now())

        done = Settlement(token=grant.token, outcome=Succeeded(value=1))
        [settled] = await store.work.settle([done])
        [beat] = await store.leases.renew([other.token], lease_s=5)
        [added] = await store.work.add([addition("s", task("x"), token=grant.token)])

        assert settled is SettleVerdict.FENCED
        assert beat.verdict is BeatVerdict.LOST
        assert isinstance(added, SwarmNotFound)
        assert (await write(store, record(grant.token))).verdict is StepVerdict.FENCED
        assert (await write(store, intent(other.token))).verdict is StepVerdict.FENCED
        assert await store.log.remark(grant.token, [{"n": 1}]) is False
        check(await store.dump())

    async def test_a_reader_that_waits_is_told(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Whoever waits for events of a swarm hears at once that it is gone."""
        await ended(store, "s")
        clock.advance(1)
        cursor = Cursor(incarnation="", swarm=S, seq=len(await events(store, "s")))
        waiting = asyncio.create_task(store.log.read(cursor, patience_s=30))
        await asyncio.wait([waiting], timeout=0.2)

        await forget(store, "s", before=clock.now())

        with pytest.raises(SwarmNotFound):
            await asyncio.wait_for(waiting, 10)

    async def test_clearing_goes_in_pieces(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What is left of forgotten swarms goes in bounded calls, and others stay as they are."""
        await submit(store, "s", *many(200))
        await submit(store, "other", task("a"), task("b", "a"))
        await steer(store, "s", SwarmMove.CANCEL)
        clock.advance(1)
        await store.retention.forget([S], before=clock.now())
        left = await store.dump()

        pieces = list[int]()
        while gone := await store.retention.clear(limit=PIECE):
            pieces.append(gone)

        assert max(pieces, default=0) <= 2 * PIECE
        assert await store.dump() == left
        assert [swarm.id for swarm in left.swarms] == ["other"]

    async def test_a_swarm_of_the_same_name_begins_anew(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Its command is forgotten with it: submitted again, half cleared, it is a new swarm."""
        await ended(store, "s")
        clock.advance(1)
        await store.retention.forget([S], before=clock.now())
        await store.retention.clear(limit=1)

        await submit(store, "s", task("a"), task("b", "a"))
        while await store.retention.clear():
            pass

        assert (await store.registry.swarm(S)).status is SwarmStatus.ACTIVE
        assert [grant.token.attempt for grant in await claim(store)] == [1]
        assert [event.seq for event in await events(store, "s")] == [1, 2, 3]


class HoldingsContract:
    """Invariant 31 for contents: what a record refers to is there, and stays."""

    async def test_a_loose_content_goes_after_its_time(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Contents nobody refers to are dropped once they are old; putting renews the time."""
        old, renewed = await store.blobs.put([b"old", b"renewed"])
        clock.advance(100)
        moment = clock.now()
        await store.blobs.put([b"renewed", b"young"])

        dropped = await store.retention.drop_blobs(moment)
        again = await store.retention.drop_blobs(moment)

        assert (dropped.blobs, dropped.size_bytes) == (1, 3)
        assert again.blobs == 0
        assert await store.blobs.get(renewed) == b"renewed"
        with pytest.raises(ArtifactNotFound):
            await store.blobs.get(old)

    async def test_contents_go_in_pieces(self, store: InspectableStore, clock: ManualClock) -> None:
        """One call drops no more than it is allowed, the oldest first."""
        await store.blobs.put([b"1"])
        clock.advance(1)
        await store.blobs.put([b"2", b"3"])
        clock.advance(1)

        dropped = await store.retention.drop_blobs(clock.now(), limit=1)

        assert dropped.blobs == 1
        with pytest.raises(ArtifactNotFound):
            await store.blobs.get(blob_digest(b"1"))
        rest = await store.retention.drop_blobs(clock.now())
        assert rest == Dropped(blobs=2, size_bytes=2)

    async def test_what_a_live_swarm_refers_to_stays(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Charter, input, step, outcome and artefact of a swarm keep their contents alive."""
        contents = [b"input", b"step", b"outcome", b"artefact"]
        await store.blobs.put(contents)
        await submit(store, "s", task("a", input=ref_to(b"input")), task("z", "a"))
        grant = await claim_one(store)
        await write(store, intent(grant.token))
        await write(store, record(grant.token, value=ref_to(b"step")))
        piece = Artifact(name="p", media_type="m", digest=blob_digest(b"artefact"), size_bytes=8)
        done = Succeeded(value=ref_to(b"outcome"), artifacts=(piece,))
        assert await settle(store, done, grant) == [SettleVerdict.OK]
        clock.advance(1e9)

        assert (await store.retention.drop_blobs(clock.now())).blobs == 0

        assert [await store.blobs.get(blob_digest(each)) for each in contents] == contents
        await succeed(store, await claim_one(store))
        clock.advance(1)
        await forget(store, "s", before=clock.now())
        dropped = await store.retention.drop_blobs(clock.now())
        assert dropped == Dropped(blobs=4, size_bytes=sum(map(len, contents)))

    async def test_a_content_has_many_users(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What two swarms refer to goes with the second of them."""
        await store.blobs.put([LARGE])
        for swarm in ("a", "b"):
            await submit(store, swarm, task("t", input=ref_to(LARGE)))
            await steer(store, swarm, SwarmMove.CANCEL)
        clock.advance(1)

        await forget(store, "a", before=clock.now())
        kept = await store.retention.drop_blobs(clock.now())
        await forget(store, "b", before=clock.now())

        assert kept.blobs == 0
        assert (await store.retention.drop_blobs(clock.now())).blobs == 1

    async def test_a_reference_to_nothing_is_refused(self, store: InspectableStore) -> None:
        """A swarm or an addition that refers to a content that is gone is not stored."""
        gone = ref_to(b"gone")
        await submit(store, "s", task("a"), sealed=False)

        [submitted] = await store.work.submit([submission("x", task("a", input=gone))])
        [added] = await store.work.add([addition("s", task("b", input=gone))])

        assert isinstance(submitted, ArtifactNotFound)
        assert isinstance(added, ArtifactNotFound)
        assert [task.ref.key for task in (await store.dump()).tasks] == ["a"]

    async def test_a_large_plan_refers_as_a_small_one(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A plan that comes in by pieces is refused for a missing input, and kept with its own."""
        plan = [*many(150), task("last", input=ref_to(LARGE))]
        [refused] = await store.work.submit([submission("s", *plan)])

        await store.blobs.put([LARGE])
        await submit(store, "s", *plan)
        clock.advance(1e6)

        assert isinstance(refused, ArtifactNotFound)
        assert (await store.retention.drop_blobs(clock.now())).blobs == 0
        assert await store.blobs.get(blob_digest(LARGE)) == LARGE

    async def test_a_late_reference_to_nothing_is_not_stored(self, store: InspectableStore) -> None:
        """A worker that slept while its content was dropped stores no reference to it."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await write(store, intent(grant.token))
        piece = Artifact(name="p", media_type="m", digest=Digest("0" * 64), size_bytes=8)

        answer = await write(store, record(grant.token, value=ref_to(b"gone")))
        [valued] = await settle(store, Succeeded(value=ref_to(b"gone")), grant)
        [pieced] = await settle(store, Succeeded(value=1, artifacts=(piece,)), grant)

        assert answer.verdict is StepVerdict.MISSING
        assert (valued, pieced) == (SettleVerdict.FENCED, SettleVerdict.FENCED)
        assert await settle(store, Succeeded(value=1), grant) == [SettleVerdict.OK]
