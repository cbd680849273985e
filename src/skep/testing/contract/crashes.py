"""Crashes: what was acknowledged is there afterwards, whole, and nothing else is."""

import asyncio
from dataclasses import replace

from skep.ports.inspection import Dump
from skep.ports.system import Chance
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.ids import SwarmId
from skep.records.outcome import SettleVerdict
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove
from skep.testing.acts import claim, claim_one, keys, statuses, steer, submit, succeed, write
from skep.testing.harness import Harness, InspectableStore
from skep.testing.invariants import check
from skep.testing.samples import addition, intent, many, record, submission, task


def kept(dump: Dump) -> Dump:
    """Leave out of a dump what may be derived anew: the virtual times of the seats."""
    return replace(dump, seats=[replace(seat, vt=0) for seat in dump.seats])


class CrashContract:
    """Invariants 15, 16, 17 and 18 over the death of the process."""

    async def test_what_was_acknowledged_survives(
        self, store: InspectableStore, harness: Harness
    ) -> None:
        """After a crash the store stands as it was answered: tasks, grants, steps, events."""
        await submit(store, "s", *many(3), task("z", "t0000"), max_agents=2)
        first, second = await claim(store)
        await write(store, intent(second.token))
        await succeed(store, first)
        await submit(store, "t", task("a", delay_s=5.0), sealed=False)
        await steer(store, "t", SwarmMove.PAUSE)
        before = await store.dump()

        opened = await harness.crash()

        after = await opened.dump()
        check(after)
        assert kept(after) == kept(before)

    async def test_a_restart_is_no_new_incarnation(
        self, store: InspectableStore, harness: Harness
    ) -> None:
        """A holder that outlives a restart of the store goes on under its token."""
        await submit(store, "s", task("a"), task("b", "a"))
        grant = await claim_one(store)

        opened = await harness.crash()

        assert opened.incarnation == grant.token.incarnation
        assert await succeed(opened, grant, value=1) == [SettleVerdict.OK]
        assert keys(await claim(opened)) == ["b"]

    async def test_commands_are_remembered(self, store: InspectableStore, harness: Harness) -> None:
        """A client that lost its answer to the crash repeats, and nothing happens twice."""
        await submit(store, "s", task("a"), sealed=False)
        grant = await claim_one(store)
        await store.work.add([addition("s", task("b"))])
        await succeed(store, grant)

        opened = await harness.crash()

        already = Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId("s"))
        assert list(await opened.work.submit([submission("s", task("a"), sealed=False)])) == [
            already
        ]
        assert list(await opened.work.add([addition("s", task("b"))])) == [already]
        assert await succeed(opened, grant) == [SettleVerdict.ALREADY]
        assert await statuses(opened, "s") == {"a": "succeeded", "b": "ready"}

    async def test_a_paid_answer_survives(self, store: InspectableStore, harness: Harness) -> None:
        """A recorded step is found after the crash, and its call is not made again."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await write(store, intent(grant.token))
        await write(store, record(grant.token, value="paid"))

        opened = await harness.crash()

        answer = await write(opened, intent(grant.token, name="i2"))
        assert (answer.verdict, answer.value) == (StepVerdict.FOUND, '"paid"')

    async def test_blobs_survive(self, store: InspectableStore, harness: Harness) -> None:
        """Content that was kept is there after the crash."""
        [digest] = await store.blobs.put([b"content"])

        opened = await harness.crash()

        assert await opened.blobs.get(digest) == b"content"

    async def test_closing_waits_for_what_was_asked(
        self, store: InspectableStore, harness: Harness
    ) -> None:
        """What was asked for before a store is closed is answered, and kept."""
        closing = await harness.crash()
        asked = [
            asyncio.create_task(closing.work.submit([submission(f"s{number}", task("a"))]))
            for number in range(10)
        ]
        await asyncio.wait(asked, timeout=0)

        await closing.__aexit__(None, None, None)

        answers = [answer for each in asked for answer in await each]
        assert all(isinstance(answer, Receipt) for answer in answers)
        assert len(await store.registry.swarms()) == len(asked)

    async def test_two_processes_share_one_truth(
        self, store: InspectableStore, harness: Harness
    ) -> None:
        """A process that was thought dead and its successor give no task out twice."""
        successor = await harness.crash()
        await submit(store, "s", *many(40))

        batches = await asyncio.gather(
            *(claim(either, 3, worker=f"w{n}") for n in range(6) for either in (store, successor))
        )

        taken = [key for batch in batches for key in keys(batch)]
        assert len(taken) == len(set(taken)) == 12 * 3
        await asyncio.gather(*(succeed(successor, *batch) for batch in batches))
        assert len(await claim(store)) == 40 - len(taken)

    async def test_a_fresh_store_is_another_incarnation(
        self, store: InspectableStore, chance: Chance
    ) -> None:
        """Each store that is made has an incarnation of its own, which no other can know."""
        assert store.incarnation
        assert store.incarnation != chance.uuid()

    async def test_queues_are_there_after_a_crash(
        self, store: InspectableStore, harness: Harness
    ) -> None:
        """What was ready before is granted after, each task once."""
        await submit(store, "s", *many(5))
        before = await claim(store, 2)

        opened = await harness.crash()

        after = await claim(opened)
        assert sorted([*keys(before), *keys(after)]) == [f"t000{i}" for i in range(5)]
