"""Recovery: swarms that lost records go on from a capture, and no earlier holder writes in."""

# ruff: noqa: PLR2004 - expected figures are literal

from collections.abc import Sequence

import pytest

from skep.hive.imaging import taken
from skep.hive.recovery import Recovery
from skep.ports.store import Store
from skep.records.capture import CaptureKind
from skep.records.capture_errors import NothingToRecover
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.errors import Conflict, IllegalMove
from skep.records.ids import SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import BeatVerdict, Grant
from skep.records.outcome import SettleVerdict, Snoozed
from skep.records.purse import Amount, Budget
from skep.records.recovering import Recovered, Reinstatement
from skep.records.step import Effect, StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import claim, claim_one, settle, steer, submit, succeed, write
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import addition, chain, failed, intent, many, record, task

S = SwarmId("s")
CHECKPOINT = CaptureKind.CHECKPOINT


def refs(*keys: str) -> list[TaskRef]:
    """Name tasks of the swarm."""
    return [TaskRef(swarm=S, key=TaskKey(key)) for key in keys]


async def checkpoint(store: Store) -> None:
    """Make a checkpoint of the swarm."""
    await taken(store, await store.states.image(S), CHECKPOINT)


async def recover(store: Store, clock: ManualClock) -> Recovered:
    """Recover the swarm."""
    return await Recovery(store=store, clock=clock).recover(S)


async def drained(store: Store, swarm: SwarmId = S) -> list[Grant]:
    """Work until nothing is ready any more; gives the grants in their order."""
    done = list[Grant]()
    while grants := await claim(store):
        await succeed(store, *grants, value="again")
        done += grants
    assert (await store.registry.swarm(swarm)).status is SwarmStatus.COMPLETED
    return done


async def standing(store: Store) -> Sequence[tuple[str, TaskStatus]]:
    """Say where each task stands."""
    return [(each.ref.key, each.status) for each in await store.registry.tasks(S)]


class SuspendingContract:
    """Invariants 9 and 45: whoever held a task of a suspended swarm holds it no more."""

    async def test_suspending_voids_every_token(self, store: InspectableStore) -> None:
        """What was held can be neither settled, renewed nor written to, and nothing is granted."""
        await submit(store, "s", *many(2), max_agents=1)
        grant = await claim_one(store)

        assert await store.states.suspend(S) is SwarmStatus.RECOVERING

        [beat] = await store.leases.renew([grant.token], lease_s=5)
        assert beat.verdict is BeatVerdict.LOST
        assert (await write(store, intent(grant.token))).verdict is StepVerdict.FENCED
        assert await succeed(store, grant) == [SettleVerdict.FENCED]
        assert list(await claim(store)) == []

    async def test_suspending_twice_changes_nothing(self, store: InspectableStore) -> None:
        """A swarm that is recovering stays so, and tells nothing of it."""
        await submit(store, "s", task("a"))
        await store.states.suspend(S)
        before = await store.dump()

        await store.states.suspend(S)

        assert await store.dump() == before

    @pytest.mark.parametrize("move", [SwarmMove.PAUSE, SwarmMove.CANCEL])
    async def test_what_waits_for_a_person_is_not_suspended(
        self, store: InspectableStore, move: SwarmMove
    ) -> None:
        """A paused swarm is resumed and one that has ended stays so: neither is recovered."""
        await submit(store, "s", task("a"))
        await steer(store, "s", move)

        with pytest.raises(IllegalMove):
            await store.states.suspend(S)

    async def test_an_interrupted_swarm_is_suspended(self, store: InspectableStore) -> None:
        """What was interrupted can be recovered."""
        await submit(store, "s", task("a"))
        await steer(store, "s", SwarmMove.INTERRUPT)

        assert await store.states.suspend(S) is SwarmStatus.RECOVERING

    async def test_what_calls_had_reserved_is_counted(self, store: InspectableStore) -> None:
        """A call under way counts as spent when its swarm is suspended (invariant 24)."""
        await submit(store, "s", task("a"), budget=Budget(requests=9))
        grant = await claim_one(store)
        await write(store, intent(grant.token, reserve=Amount(requests=2)))

        await store.states.suspend(S)

        purse = (await store.registry.swarm(S)).purse
        assert (purse.spent.requests, purse.lost.requests, purse.open) == (2, 2, 0)


class RecoveringContract:
    """Invariants 6, 16 and 45: a swarm goes on from what is left, and loses nothing else."""

    async def test_a_whole_swarm_goes_on_from_its_state(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """With all records there, what ran is granted anew and what was done stays done."""
        await submit(store, "s", *chain(3))
        await succeed(store, await claim_one(store), value=1)
        await claim_one(store)
        await steer(store, "s", SwarmMove.INTERRUPT)

        result = await recover(store, clock)

        assert (result.source, result.notes, result.confidence) == (CaptureKind.STATE, (), 0.95)
        assert [grant.token.task for grant in await drained(store)] == ["t1", "t2"]

    async def test_lost_queues_are_rebuilt(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm whose ready entries are gone has them again."""
        await submit(store, "s", *many(3))
        await store.forget_queues()

        await recover(store, clock)

        assert len(await drained(store)) == 3

    async def test_lost_records_come_from_the_checkpoint(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What was done at the checkpoint stays done, with the value that it came to."""
        await submit(store, "s", *chain(3))
        await succeed(store, await claim_one(store), value="first")
        await checkpoint(store)
        await store.forget_tasks(refs("t0", "t1", "t2"))

        result = await recover(store, clock)

        assert (result.source, result.capture, result.redone) == (CHECKPOINT, 1, ())
        [t0] = await store.registry.read(refs("t0"))
        assert (t0.status, t0.outcome) == (TaskStatus.SUCCEEDED, '"first"')
        assert [grant.token.task for grant in await drained(store)] == ["t1", "t2"]

    async def test_what_was_done_after_the_point_is_told_and_done_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A task that succeeded after the capture and lost its record runs again, and is named."""
        await submit(store, "s", *chain(3))
        await checkpoint(store)
        for _ in range(2):
            await succeed(store, await claim_one(store))
        await store.forget_tasks(refs("t0"))

        result = await recover(store, clock)

        assert [(note.task, note.fate) for note in result.redone] == [("t0", "redone")]
        assert result.confidence < 0.95
        assert await standing(store) == [
            ("t0", TaskStatus.READY),
            ("t1", TaskStatus.SUCCEEDED),
            ("t2", TaskStatus.READY),
        ]
        assert len(await drained(store)) == 2

    async def test_who_waits_for_a_task_that_runs_again_waits_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A task that was ready, and whose dependency is to do again, is not granted before it."""
        await submit(store, "s", *chain(2))
        await checkpoint(store)
        await succeed(store, await claim_one(store))
        await store.forget_tasks(refs("t0"))

        await recover(store, clock)

        assert [grant.token.task for grant in await drained(store)] == ["t0", "t1"]

    async def test_the_log_says_what_failed_slept_or_was_cancelled(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What the log tells of a task whole is had again without its record."""
        await submit(store, "s", task("bad"), task("after", "bad"), task("tired"), task("on"))
        await checkpoint(store)
        bad, tired, _ = await claim(store, 3)
        await settle(store, failed(), bad)
        await settle(store, Snoozed(reason="later", wake_at=clock.now() + 60), tired)
        await store.forget_tasks(refs("bad", "after", "tired", "on"))

        result = await recover(store, clock)

        assert result.redone == ()
        assert await standing(store) == [
            ("bad", TaskStatus.FAILED),
            ("after", TaskStatus.CANCELLED),
            ("tired", TaskStatus.SLEEPING),
            ("on", TaskStatus.READY),
        ]
        clock.advance(61)
        assert (await store.leases.sweep()).woken == 1

    async def test_a_recorded_answer_is_found_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A call whose answer was in the capture is not made again (invariants 19 and 22)."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await write(store, intent(grant.token))
        await write(store, record(grant.token, value="paid"))
        await write(store, intent(grant.token, "sent", effect=Effect.ONCE))
        await checkpoint(store)
        await store.forget_tasks(refs("a"))

        await recover(store, clock)

        again = await claim_one(store)
        assert again.has_steps
        found = await write(store, intent(again.token, name="j"))
        assert (found.verdict, found.value) == (StepVerdict.FOUND, '"paid"')
        sent = await write(store, intent(again.token, "sent", effect=Effect.ONCE, name="j"))
        assert sent.verdict is StepVerdict.UNKNOWN

    async def test_nothing_that_a_zombie_writes_is_taken(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Tokens of before a recovery are void after it, and attempts go on from the highest."""
        await submit(store, "s", task("a"))
        await checkpoint(store)
        zombie = await claim_one(store)
        await store.forget_tasks(refs("a"))

        await recover(store, clock)

        again = await claim_one(store, worker="w2")
        assert again.token.attempt == zombie.token.attempt + 1
        assert await succeed(store, zombie) == [SettleVerdict.FENCED]
        assert (await write(store, intent(zombie.token))).verdict is StepVerdict.FENCED
        assert await succeed(store, again) == [SettleVerdict.OK]

    async def test_the_sweep_and_the_worker_survive_lost_records(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A lease of a task without a record is nobody's, and holds nobody up."""
        await submit(store, "s", task("a"), task("b"))
        await checkpoint(store)
        await claim(store)
        await store.forget_tasks(refs("a"))

        clock.advance(10)
        swept = await store.leases.sweep()
        await store.leases.reclaim(WorkerId("w1"))
        await recover(store, clock)

        assert swept.lost == 1
        assert len(await drained(store)) == 2

    async def test_what_was_added_after_the_point_can_be_added_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A task that no capture knows is given up, by name, and its command is heard anew."""
        await submit(store, "s", task("a"), sealed=False)
        await checkpoint(store)
        added = addition("s", task("late", "a"))
        await store.work.add([added])
        await store.forget_tasks(refs("a", "late"))

        result = await recover(store, clock)
        [receipt] = await store.work.add([added])

        assert [note.task for note in result.lost] == ["late"]
        assert isinstance(receipt, Receipt)
        assert receipt.verdict is ReceiptVerdict.OK
        assert [key for key, _ in await standing(store)] == ["a", "late"]

    async def test_without_a_capture_nothing_is_changed(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm that lost records that no capture knows is refused, and stands as it stood."""
        await submit(store, "s", task("a"), task("b"))
        whole = await store.states.image(S)
        await store.forget_tasks(refs("a"))
        seq = (await store.registry.swarm(S)).last_seq

        with pytest.raises(NothingToRecover):
            await recover(store, clock)

        assert (await store.registry.swarm(S)).last_seq == seq
        await taken(store, whole, CHECKPOINT)
        await recover(store, clock)

    async def test_a_snapshot_serves_where_no_checkpoint_does(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Without checkpoints the newest snapshot is the point."""
        await submit(store, "s", *chain(2))
        await checkpoint(store)
        await succeed(store, await claim_one(store), value="kept")
        await taken(store, await store.states.image(S), CaptureKind.SNAPSHOT)
        await store.states.drop(S, CHECKPOINT, 1)
        await store.forget_tasks(refs("t0", "t1"))

        result = await recover(store, clock)

        assert (result.source, result.redone) == (CaptureKind.SNAPSHOT, ())
        assert [grant.token.task for grant in await drained(store)] == ["t1"]

    async def test_a_rebuilding_is_refused_when_the_log_has_gone_on(
        self, store: InspectableStore
    ) -> None:
        """What was worked out from an older log is not stored (invariant 16)."""
        await submit(store, "s", task("a"))
        await store.states.suspend(S)
        image = await store.states.image(S)
        await steer(store, "s", SwarmMove.TELL, text="Stop", by="ann")
        before = await store.dump()

        with pytest.raises(Conflict):
            await store.states.reinstate(
                Reinstatement(
                    swarm=S,
                    seq=image.swarm.last_seq,
                    tasks=image.tasks,
                    written=frozenset(),
                    dropped=(),
                    purse=image.swarm.purse,
                    news=(),
                )
            )

        assert await store.dump() == before

    async def test_a_large_swarm_is_rebuilt_whole(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm that takes many pieces comes back with all of them, and its edges."""
        tasks = [*many(300), task("z", *[f"t{place:04}" for place in range(300)])]
        await submit(store, "s", *tasks)
        await succeed(store, *await claim(store, 10))
        await checkpoint(store)
        await store.forget_tasks(refs(*[spec.key for spec in tasks]))

        result = await recover(store, clock)

        assert len(result.notes) == 301
        assert len(await drained(store)) == 291
