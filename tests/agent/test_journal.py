"""The journal of an attempt: recorded calls are never made again, and doubt stops the task."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from skep.agent.journal import RunJournal, UnknownEffect
from skep.drivers.memory import MemoryStore
from skep.ports.store import Journal
from skep.records.command import Submission
from skep.records.errors import Diverged, Fenced, StoreUnavailable
from skep.records.ids import SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.step import Effect, Entry, Record, Step, StepAnswer, StepState
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import TaskSpec
from skep.records.values import Json
from skep.testing.chance import SeededChance
from skep.testing.clock import ImpatientClock, ManualClock

LEASE_S = 5.0


class Losing:
    """A journal that loses the call of a result, then its reply, and answers from then on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._faults = ["call", "reply"]

    async def write(self, entries: Sequence[Entry]) -> Sequence[StepAnswer]:
        """Write, unless it is a result and a fault is left."""
        fault = self._faults.pop(0) if isinstance(entries[0], Record) and self._faults else ""
        answers = await self._journal.write(entries) if fault != "call" else ()
        if fault:
            raise StoreUnavailable
        return answers

    async def read(self, ref: TaskRef, *, run: int) -> Sequence[Step]:
        """Read."""
        return await self._journal.read(ref, run=run)


class Desk:
    """A store with one task, and attempts at it one after the other."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.chance = SeededChance(5)
        self.store = MemoryStore(self.clock, self.chance)
        self.calls: list[str] = []

    async def submit(self) -> None:
        """Store a swarm of one task."""
        plan = Plan(tasks=(TaskSpec(key=TaskKey("t"), agent="a"),))
        request = SwarmRequest(objective="Keep a journal")
        submission = Submission(
            command="c", digest="d", swarm=SwarmId("s"), request=request, plan=plan
        )
        await self.store.work.submit([submission])

    async def attempt(self) -> tuple[Grant, RunJournal]:
        """Begin the next attempt, as after the death of the one before."""
        self.clock.advance(LEASE_S + 1)
        await self.store.leases.sweep()
        (grant,) = await self.store.work.claim(Offer(worker=WorkerId("w")), limit=1)
        journal = RunJournal(
            self.store.journal,
            self.store.blobs,
            token=grant.token,
            clock=self.clock,
            chance=self.chance,
        )
        await journal.replay()
        return grant, journal

    def call(self, value: Json) -> Callable[[], Awaitable[Json]]:
        """A call that is counted when it is made."""

        async def made() -> Json:
            self.calls.append(str(value)[:20])
            return value

        return made

    def dying(self) -> Callable[[], Awaitable[Json]]:
        """A call in the middle of which the worker dies."""

        async def made() -> Json:
            self.calls.append("dying")
            raise SystemExit

        return made


@pytest.fixture
async def desk() -> Desk:
    """A desk whose task waits to be attempted."""
    desk = Desk()
    await desk.submit()
    return desk


async def test_a_recorded_step_is_not_called_again_after_a_takeover(desk: Desk) -> None:
    """The second attempt gets the first one's value, and calls nothing."""
    _, first = await desk.attempt()
    await first.step("a", "ask", desk.call(1), effect=Effect.PURE)

    _, second = await desk.attempt()
    value = await second.step("a", "ask", desk.call(2), effect=Effect.PURE)

    assert (value, desk.calls) == (1, ["1"])


async def test_what_was_recorded_since_the_run_was_read_is_found_and_not_called_again(
    desk: Desk,
) -> None:
    """The answer to the intent brings a value that the replay could not know of."""
    grant, journal = await desk.attempt()
    beside = RunJournal(
        desk.store.journal,
        desk.store.blobs,
        token=grant.token,
        clock=desk.clock,
        chance=desk.chance,
    )
    await journal.step("a", "ask", desk.call(1), effect=Effect.PURE)

    assert await beside.step("a", "ask", desk.call(2), effect=Effect.PURE) == 1
    assert desk.calls == ["1"]


async def test_an_answer_that_was_made_is_kept_while_the_store_is_away(desk: Desk) -> None:
    """A store that loses calls, or their replies, has the answer in the end; it was asked once."""
    grant, _ = await desk.attempt()
    journal = RunJournal(
        Losing(desk.store.journal),
        desk.store.blobs,
        token=grant.token,
        clock=ImpatientClock(),
        chance=desk.chance,
    )

    assert await journal.step("a", "ask", desk.call(1), effect=Effect.ONCE) == 1
    assert desk.calls == ["1"]
    [step] = await desk.store.journal.read(grant.token.ref, run=1)
    assert (step.state, step.calls) == (StepState.RECORDED, 1)


async def test_an_open_step_is_called_again_when_that_is_harmless(desk: Desk) -> None:
    """A call that may be repeated is, when its worker died before the result was stored."""
    _, first = await desk.attempt()
    with pytest.raises(SystemExit):
        await first.step("a", "ask", desk.dying(), effect=Effect.IDEMPOTENT)

    _, second = await desk.attempt()
    value = await second.step("a", "ask", desk.call(2), effect=Effect.IDEMPOTENT)

    assert (value, desk.calls) == (2, ["dying", "2"])


async def test_an_open_step_to_be_made_once_is_never_repeated(desk: Desk) -> None:
    """A payment that may have gone out waits for a person, in this attempt and in every later."""
    _, first = await desk.attempt()
    with pytest.raises(SystemExit):
        await first.step("pay", 10, desk.dying(), effect=Effect.ONCE)

    for _ in range(2):
        _, later = await desk.attempt()
        with pytest.raises(UnknownEffect):
            await later.step("pay", 10, desk.call(2), effect=Effect.ONCE)

    assert desk.calls == ["dying"]


async def test_another_request_under_a_recorded_key_diverges(desk: Desk) -> None:
    """Neither the old answer is given to a new question, nor is the question asked."""
    _, first = await desk.attempt()
    await first.step("a", "old question", desk.call(1), effect=Effect.PURE)

    _, second = await desk.attempt()
    with pytest.raises(Diverged):
        await second.step("a", "new question", desk.call(2), effect=Effect.PURE)

    assert desk.calls == ["1"]


async def test_a_key_used_twice_in_one_attempt_is_an_error(desk: Desk) -> None:
    """Two steps of one name would be told apart by their order, which changes."""
    _, journal = await desk.attempt()
    await journal.step("a", 1, desk.call(1), effect=Effect.PURE)

    with pytest.raises(Diverged, match="twice"):
        await journal.step("a", 1, desk.call(1), effect=Effect.PURE)


async def test_a_fenced_worker_may_announce_no_call(desk: Desk) -> None:
    """When the lease has gone to another, the call is not made."""
    _, first = await desk.attempt()
    await desk.attempt()

    with pytest.raises(Fenced):
        await first.step("a", 1, desk.call(1), effect=Effect.PURE)

    assert desk.calls == []


async def test_a_fenced_workers_pure_answer_is_kept_for_its_successor(desk: Desk) -> None:
    """An answer that was paid for is stored although the lease is lost, and used by the next."""
    _, first = await desk.attempt()
    successors: list[RunJournal] = []

    async def slow() -> Json:
        desk.calls.append("slow")
        _, successor = await desk.attempt()
        successors.append(successor)
        return "paid for"

    await first.step("a", 1, slow, effect=Effect.PURE)
    value = await successors[0].step("a", 1, desk.call("again"), effect=Effect.PURE)

    assert (value, desk.calls) == ("paid for", ["slow"])


async def test_the_first_recorded_value_wins_and_both_use_it(desk: Desk) -> None:
    """Of two workers that both made a pure call, both go on with the answer stored first."""
    _, first = await desk.attempt()
    won: list[Json] = []

    async def slow() -> Json:
        _, successor = await desk.attempt()
        won.append(await successor.step("a", 1, desk.call("first"), effect=Effect.PURE))
        return "second"

    value = await first.step("a", 1, slow, effect=Effect.PURE)

    assert (won, value) == (["first"], "first")


async def test_a_large_value_goes_to_a_blob_and_comes_back_whole(desk: Desk) -> None:
    """What does not fit its record is kept by hash, replays included."""
    large = "x" * (VALUE_BYTES_MAX + 1)
    _, first = await desk.attempt()
    stored = await first.step("a", 1, desk.call(large), effect=Effect.PURE)

    grant, second = await desk.attempt()
    replayed = await second.step("a", 1, desk.call("again"), effect=Effect.PURE)

    (step,) = await desk.store.journal.read(grant.token.ref, run=1)
    assert stored == replayed == large
    assert step.value is not None
    assert len(step.value) < 200


async def test_the_idempotency_key_is_equal_in_every_attempt(desk: Desk) -> None:
    """An outside service can recognise a repeated call by its key."""
    _, first = await desk.attempt()
    _, second = await desk.attempt()

    assert first.idempotency_key("pay") == second.idempotency_key("pay") == "s/t/1/pay"
