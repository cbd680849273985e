"""Waiting: a claim or a reader with patience is woken by what happens, not by polling."""

import asyncio
import statistics
from collections.abc import Coroutine, Sequence
from typing import Final, TypeVar

from skep.records.event import Cursor
from skep.records.ids import SwarmId
from skep.records.lease import Grant
from skep.records.outcome import Blocked, HandedBack
from skep.records.swarm import SwarmMove
from skep.testing.acts import ask, claim, claim_one, decide, keys, settle, steer, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import addition, many, offer, retried, task

PATIENCE_S: Final = 60.0
POLL_S: Final = 0.2
"""Less than the safety poll of any driver, and much for a hint on a busy machine."""

SETTLE_S: Final = 0.02
"""How long a call is given to come to rest; one that is slower is no less right."""

PROMPT_S: Final = 5.0
"""How soon a waiter is woken on the slowest machine; far below its patience."""

Answer = TypeVar("Answer")


async def waiting(call: Coroutine[None, None, Answer]) -> asyncio.Task[Answer]:
    """Start a call that waits, and let it come to rest before the test goes on."""
    task = asyncio.create_task(call)
    await asyncio.wait([task], timeout=SETTLE_S)
    return task


async def prompt(task: asyncio.Task[Answer]) -> Answer:
    """Expect the waiting call to answer by itself."""
    async with asyncio.timeout(PROMPT_S):
        return await task


def patient(store: InspectableStore, worker: str = "w1") -> Coroutine[None, None, Sequence[Grant]]:
    """Claim one task, and wait for it."""
    return store.work.claim(offer(worker), limit=1, patience_s=PATIENCE_S)


class PatienceContract:
    """Invariant 34, by hints: each change that makes work or news wakes whoever waits for it."""

    async def test_a_claim_is_woken_by_a_submission(self, store: InspectableStore) -> None:
        """New work reaches a waiting worker."""
        waiter = await waiting(patient(store))

        await submit(store, "s", task("a"))

        assert keys(await prompt(waiter)) == ["a"]

    async def test_a_claim_is_woken_by_a_settlement(self, store: InspectableStore) -> None:
        """What a result released reaches a waiting worker."""
        await submit(store, "s", task("a"), task("b", "a"))
        first = await claim_one(store)
        waiter = await waiting(patient(store))

        await succeed(store, first)

        assert keys(await prompt(waiter)) == ["b"]

    async def test_a_claim_is_woken_by_room_under_a_cap(self, store: InspectableStore) -> None:
        """A place that came free under max_agents reaches a waiting worker."""
        await submit(store, "s", *many(2), max_agents=1)
        first = await claim_one(store)
        waiter = await waiting(patient(store))

        await succeed(store, first)

        assert keys(await prompt(waiter)) == ["t0001"]

    async def test_a_claim_is_woken_by_a_task_handed_back(self, store: InspectableStore) -> None:
        """What one worker gives back another takes."""
        await submit(store, "s", task("a"))
        first = await claim_one(store)
        waiter = await waiting(patient(store, "w2"))

        await settle(store, HandedBack(), first)

        assert [grant.token.attempt for grant in await prompt(waiter)] == [2]

    async def test_a_claim_is_woken_by_an_addition(self, store: InspectableStore) -> None:
        """A task added to an open plan reaches a waiting worker."""
        await submit(store, "s", sealed=False)
        waiter = await waiting(patient(store))

        await store.work.add([addition("s", task("a"))])

        assert keys(await prompt(waiter)) == ["a"]

    async def test_a_claim_is_woken_by_a_resumption(self, store: InspectableStore) -> None:
        """A swarm that goes on reaches a waiting worker."""
        await submit(store, "s", task("a"))
        await steer(store, "s", SwarmMove.PAUSE)
        waiter = await waiting(patient(store))

        await steer(store, "s", SwarmMove.RESUME)

        assert keys(await prompt(waiter)) == ["a"]

    async def test_a_claim_is_woken_by_a_decision(self, store: InspectableStore) -> None:
        """A task that waited for a person reaches a waiting worker."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        asked = await ask(store, grant.token)
        await settle(store, Blocked(reason="asks", awaits=(asked,)), grant)
        waiter = await waiting(patient(store))

        await decide(store, asked)

        assert keys(await prompt(waiter)) == ["a"]

    async def test_a_claim_is_woken_by_a_reopening(self, store: InspectableStore) -> None:
        """A task begun anew reaches a waiting worker."""
        await submit(store, "s", task("a"))
        await succeed(store, await claim_one(store))
        waiter = await waiting(patient(store))

        await steer(store, "s", SwarmMove.REOPEN, "a")

        assert keys(await prompt(waiter)) == ["a"]

    async def test_a_claim_is_woken_by_a_sweep(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A task whose rest is over, or whose worker vanished, reaches a waiting worker."""
        await submit(store, "s", task("rests"), task("lost"))
        rests, _ = await claim(store)
        await settle(store, retried(clock.now() + 3), rests)
        one = await waiting(patient(store, "w2"))
        two = await waiting(patient(store, "w3"))

        clock.advance(10)
        await store.leases.sweep()

        assert {*keys(await prompt(one)), *keys(await prompt(two))} == {"rests", "lost"}

    async def test_a_claim_is_woken_by_a_reconciliation(self, store: InspectableStore) -> None:
        """Entries that were rebuilt reach a waiting worker."""
        await submit(store, "s", task("a"))
        await store.forget_queues()
        waiter = await waiting(patient(store))

        await store.leases.reconcile()

        assert keys(await prompt(waiter)) == ["a"]

    async def test_waking_needs_no_polling(self, store: InspectableStore) -> None:
        """A waiting worker has its task in milliseconds, sooner than any safety poll."""
        took_s: list[float] = []
        for number in range(7):
            waiter = await waiting(patient(store))
            started_s = asyncio.get_running_loop().time()
            await submit(store, f"s{number}", task("a"))
            await prompt(waiter)
            took_s.append(asyncio.get_running_loop().time() - started_s)

        assert statistics.median(took_s) < POLL_S, took_s

    async def test_every_waiting_worker_gets_its_task(self, store: InspectableStore) -> None:
        """Ten workers that wait for ten tasks all come away with one."""
        waiters = [await waiting(patient(store, f"w{i}")) for i in range(10)]

        await submit(store, "s", *many(10))

        taken = [key for waiter in waiters for key in keys(await prompt(waiter))]
        assert sorted(taken) == [f"t{i:04}" for i in range(10)]

    async def test_a_claim_waits_for_work_that_fits(self, store: InspectableStore) -> None:
        """Work of another queue does not end a wait."""
        waiter = await waiting(patient(store))

        await submit(store, "s", task("a", queue="other"))
        await submit(store, "t", task("b"))

        assert keys(await prompt(waiter)) == ["b"]

    async def test_patience_runs_out(self, store: InspectableStore, clock: ManualClock) -> None:
        """A claim or a reader that waited in vain comes back empty-handed."""
        await submit(store, "s", sealed=False)
        cursor = Cursor(incarnation="", swarm=SwarmId("s"), seq=1)
        claimer = await waiting(store.work.claim(offer(), limit=1, patience_s=0.02))
        reader = await waiting(store.log.read(cursor, patience_s=0.02))

        clock.advance(1)

        assert list(await prompt(claimer)) == []
        page = await prompt(reader)
        assert (page.events, page.cursor.seq, page.gap) == ((), 1, False)

    async def test_a_cancelled_wait_harms_nobody(self, store: InspectableStore) -> None:
        """A worker that stops waiting leaves the work to the next."""
        given_up = await waiting(patient(store))
        given_up.cancel()
        await asyncio.wait([given_up])

        await submit(store, "s", task("a"))

        assert keys(await prompt(await waiting(patient(store, "w2")))) == ["a"]

    async def test_a_grant_to_nobody_comes_back(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A claim cancelled in flight may have been granted; the lease brings the task back."""
        await submit(store, "s", task("a"))
        given_up = asyncio.create_task(claim(store))
        await asyncio.wait([given_up], timeout=0)
        given_up.cancel()
        await asyncio.wait([given_up])
        await store.leases.sweep()  # by now the claim was carried out, or never will be

        clock.advance(10)
        await store.leases.sweep()

        assert keys(await claim(store, worker="w2")) == ["a"]

    async def test_a_reader_is_woken_by_an_event(self, store: InspectableStore) -> None:
        """What happens in a swarm reaches whoever follows it."""
        await submit(store, "s", task("a"))
        cursor = Cursor(incarnation="", swarm=SwarmId("s"), seq=2)
        waiter = await waiting(store.log.read(cursor, patience_s=PATIENCE_S))

        grant = await claim_one(store)

        assert [event.kind for event in (await prompt(waiter)).events] == ["task.claimed"]
        reader = await waiting(store.log.read((await waiter).cursor, patience_s=PATIENCE_S))
        await store.log.remark(grant.token, [{"done": 0.5}])
        assert [event.kind for event in (await prompt(reader)).events] == ["task.progressed"]

    async def test_a_reader_waits_for_its_own_swarm(self, store: InspectableStore) -> None:
        """What happens in another swarm does not end a reader's wait."""
        await submit(store, "s", sealed=False)
        cursor = Cursor(incarnation="", swarm=SwarmId("s"), seq=1)
        waiter = await waiting(store.log.read(cursor, patience_s=PATIENCE_S))

        await submit(store, "t", task("a"))
        await steer(store, "s", SwarmMove.CANCEL)

        assert [event.kind for event in (await prompt(waiter)).events] == ["swarm.cancelled"]
