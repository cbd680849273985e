"""The heartbeat and the sweep: who is alive keeps its tasks, who is not loses them."""

import threading
from collections.abc import Sequence

from skep.drivers.memory import MemoryStore
from skep.hive.heartbeat import Heartbeat
from skep.hive.scheduler import TaskScheduler
from skep.records.errors import StoreUnavailable
from skep.records.lease import Beat, BeatVerdict, Grant, Token
from skep.testing.clock import ManualClock
from skep.testing.samples import many, offer, submission

LEASE_S = 5.0


class Flaky:
    """A port of leases that does not answer at the first beat."""

    def __init__(self) -> None:
        self.beats = 0
        self.answered = threading.Event()

    async def renew(self, tokens: Sequence[Token], *, lease_s: float) -> Sequence[Beat]:
        """Answer from the second beat on."""
        self.beats += 1
        if self.beats == 1:
            raise StoreUnavailable
        self.answered.set()
        return [Beat(verdict=BeatVerdict.HELD, swarm_status=None) for _ in tokens]


def unheard(token: Token, *, hand_back: bool) -> None:
    """Hear of no loss."""
    raise AssertionError((token, hand_back))


async def claimed(store: MemoryStore) -> Grant:
    """Submit a task and take it."""
    await store.work.submit([submission("s", *many(1))])
    (grant,) = await store.work.claim(offer(lease_s=LEASE_S), limit=1)
    return grant


async def test_a_task_that_is_beaten_for_outlives_its_first_lease(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Each beat moves the lease's end to a whole lease from then."""
    grant = await claimed(store)
    heartbeat = Heartbeat(store.leases, lease_s=LEASE_S, lost=unheard)
    heartbeat.hold(grant.token)

    for _ in range(3):
        clock.advance(LEASE_S - 1)
        assert (await store.leases.sweep()).lost == 0
        assert await heartbeat.tick() == 1


async def test_the_heart_beats_on_after_a_beat_that_failed(store: MemoryStore) -> None:
    """A store that is away for a beat costs no lease, for the thread tries again."""
    grant = await claimed(store)
    leases = Flaky()

    with Heartbeat(leases, lease_s=0.03, lost=unheard) as heartbeat:  # pyright: ignore[reportArgumentType]
        heartbeat.hold(grant.token)
        assert leases.answered.wait(30)


async def test_the_scheduler_takes_back_what_nobody_beats_for(
    store: MemoryStore, clock: ManualClock
) -> None:
    """One tick does what is due, and a second one finds nothing left."""
    await claimed(store)
    clock.advance(LEASE_S + 1)
    scheduler = TaskScheduler(store.leases)

    assert (await scheduler.tick()).lost == 1
    assert (await scheduler.tick()).total == 0
