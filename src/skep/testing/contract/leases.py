"""Leases: renewal, the hard deadline, and what a restarted worker reclaims."""

# ruff: noqa: PLR2004 - expected figures are literal

from skep.policy.expiry import LEASE_S_MAX
from skep.records.ids import WorkerId
from skep.records.lease import BeatVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    keys,
    status_of,
    statuses,
    steer,
    submit,
    succeed,
    task_of,
)
from skep.testing.clock import START_S, ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, task


class LeasesContract:
    """Invariants 8 to 13, for those who hold."""

    async def test_a_beat_moves_the_deadline(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A renewal counts its seconds from now."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store, lease_s=5.0)
        clock.advance(4)

        [beat] = await store.leases.renew([grant.token], lease_s=7.0)

        assert (beat.verdict, beat.lease_until) == (BeatVerdict.HELD, START_S + 11)
        assert (await task_of(store, "s", "a")).lease_until == START_S + 11

    async def test_a_renewed_lease_is_not_swept(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """As long as its heart beats a worker keeps its task."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store, lease_s=5.0)
        for _ in range(10):
            clock.advance(4)
            await store.leases.renew([grant.token], lease_s=5.0)
            assert (await store.leases.sweep()).total == 0

        assert await succeed(store, grant) == ["ok"]

    async def test_no_beat_extends_the_hard_deadline(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Renewals end at start-to-close, and then the task is taken back (invariant 13)."""
        await submit(store, "s", task("a", timeout_s=10.0))
        grant = await claim_one(store, lease_s=5.0)
        clock.advance(8)

        [beat] = await store.leases.renew([grant.token], lease_s=5.0)
        assert beat.lease_until == grant.hard_until == START_S + 10
        clock.advance(2.5)
        await store.leases.renew([grant.token], lease_s=5.0)
        swept = await store.leases.sweep()

        assert swept.lost == 1
        assert "time-out" in (await task_of(store, "s", "a")).reason

    async def test_no_beat_is_longer_than_the_longest_lease(self, store: InspectableStore) -> None:
        """A renewal is cut to LEASE_S_MAX."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)

        [beat] = await store.leases.renew([grant.token], lease_s=1e9)

        assert beat.lease_until == START_S + LEASE_S_MAX

    async def test_beats_are_answered_one_by_one(self, store: InspectableStore) -> None:
        """A batch of renewals tells lost from held, in order."""
        await submit(store, "s", *many(3))
        grants = await claim(store)
        await succeed(store, grants[1])

        beats = await store.leases.renew([grant.token for grant in grants], lease_s=5.0)

        assert [beat.verdict for beat in beats] == ["held", "lost", "held"]

    async def test_a_beat_tells_how_the_swarm_stands(self, store: InspectableStore) -> None:
        """A holder learns with its heartbeat that its swarm was paused or cancelled."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)

        await steer(store, "s", SwarmMove.PAUSE)
        [paused] = await store.leases.renew([grant.token], lease_s=5.0)
        await steer(store, "s", SwarmMove.CANCEL)
        [cancelled] = await store.leases.renew([grant.token], lease_s=5.0)

        assert (paused.verdict, paused.swarm_status) == ("held", SwarmStatus.PAUSED)
        assert (cancelled.verdict, cancelled.swarm_status) == ("lost", SwarmStatus.CANCELLED)

    async def test_a_beat_writes_no_event(self, store: InspectableStore) -> None:
        """A heartbeat is no fact of the log."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        before = await events(store, "s")

        await store.leases.renew([grant.token], lease_s=9.0)

        assert await events(store, "s") == before

    async def test_a_restarted_worker_reclaims_its_own(self, store: InspectableStore) -> None:
        """Reclaim frees what this worker held, at once, and nothing of another."""
        await submit(store, "s", *many(4))
        await claim(store, 2, worker="w1")
        await claim(store, 1, worker="w2")

        assert await store.leases.reclaim(WorkerId("w1")) == 2
        assert await store.leases.reclaim(WorkerId("w1")) == 0

        assert list((await statuses(store, "s")).values()) == ["ready", "ready", "running", "ready"]
        again = await claim(store, worker="w1")
        assert [(grant.token.attempt, grant.failures) for grant in again] == [
            (2, 1),
            (2, 1),
            (1, 0),
        ]

    async def test_a_restart_counts_as_a_lost_attempt(self, store: InspectableStore) -> None:
        """A task that takes its worker down each time is given up at its limit."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=2)))
        for _ in range(2):
            await claim_one(store)
            await store.leases.reclaim(WorkerId("w1"))

        assert await statuses(store, "s") == {"a": "failed"}
        assert await status_of(store, "s") is SwarmStatus.FAILED

    async def test_a_settled_task_is_not_reclaimed(self, store: InspectableStore) -> None:
        """What a worker finished stays finished when it starts again."""
        await submit(store, "s", *many(2))
        first, _ = await claim(store)
        await succeed(store, first)

        assert await store.leases.reclaim(WorkerId("w1")) == 1

        assert keys(await claim(store)) == ["t0001"]
