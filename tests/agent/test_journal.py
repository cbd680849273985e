"""The journal of an attempt: recorded calls are never made again, and doubt stops the task."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from skep.agent.journal import Pace, RunJournal, Unheard, UnknownEffect
from skep.drivers.memory import MemoryStore
from skep.ports.store import Journal
from skep.records.command import Submission
from skep.records.errors import Diverged, Fenced, StoreUnavailable
from skep.records.ids import SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.step import Effect, Entry, Record, Step, StepAnswer, StepState
from skep.records.swarm import Plan, SwarmMove, SwarmRequest
from skep.records.task import TaskSpec
from skep.records.values import Json, canonical
from skep.testing.acts import steer
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

    async def steps(self, grant: Grant) -> dict[str, str | None]:
        """The values of a run's steps by their keys."""
        steps = await self.store.journal.read(grant.token.ref, run=grant.token.run)
        return {step.key: step.value for step in steps}

    def text(self, text: str) -> Callable[[], Awaitable[str]]:
        """A call that gives a text as it is to be stored, and is counted."""

        async def made() -> str:
            self.calls.append(text[:20])
            return text

        return made

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

    async def losing(self) -> tuple[Grant, RunJournal]:
        """As `attempt`, with a journal that loses the first calls that bring a result."""
        grant, _ = await self.attempt()
        journal = RunJournal(
            Losing(self.store.journal),
            self.store.blobs,
            token=grant.token,
            clock=ImpatientClock(),
            chance=self.chance,
        )
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
    grant, journal = await desk.losing()

    assert await journal.step("a", "ask", desk.call(1), effect=Effect.ONCE) == 1
    assert desk.calls == ["1"]
    [step] = await desk.store.journal.read(grant.token.ref, run=1)
    assert (step.state, step.calls) == (StepState.RECORDED, 1)


async def test_a_riding_answer_is_stored_with_the_next_entry(desk: Desk) -> None:
    """One operation holds the answer, a call that was made at once, and the next intent."""
    grant, journal = await desk.attempt()
    text = desk.text('"a"')

    await journal.text_step("a", 1, text, effect=Effect.PURE, pace=Pace.RIDING)
    found = await journal.step_at_once("b", 2, {"b": 1}, effect=Effect.PURE)
    before = await desk.steps(grant)
    await journal.text_step("c", 3, desk.text("3"), effect=Effect.PURE, pace=Pace.RIDING)
    after = await desk.steps(grant)
    await journal.flush()

    assert (before, found) == ({"a": None}, {"b": 1})
    assert after == {"a": '"a"', "b": '{"b":1}', "c": None}
    assert await desk.steps(grant) == {**after, "c": "3"}


async def test_a_riding_answer_is_kept_while_the_store_is_away(desk: Desk) -> None:
    """What is carried is offered again with the entry that it waited for, and is kept once."""
    grant, journal = await desk.losing()
    await journal.text_step("a", 1, desk.text("1"), effect=Effect.PURE, pace=Pace.RIDING)

    assert await journal.step("b", 2, desk.call(2), effect=Effect.ONCE) == 2

    assert await desk.steps(grant) == {"a": "1", "b": "2"}
    assert desk.calls == ["1", "2"]


async def test_what_a_fenced_worker_carried_ends_its_attempt(desk: Desk) -> None:
    """Who lost the task learns of it by the first answer that is not taken, and goes no further."""
    _, journal = await desk.attempt()
    await journal.step_at_once("a", 1, 1, effect=Effect.PURE)
    await desk.attempt()

    with pytest.raises(Fenced):
        await journal.step("b", 2, desk.call(2), effect=Effect.PURE)

    assert desk.calls == []


async def test_a_call_that_listens_is_not_made_over_peoples_heads(desk: Desk) -> None:
    """A message that came since the last answer is told of before the call, whose key is free."""
    _, journal = await desk.attempt()
    await steer(desk.store, "s", SwarmMove.TELL, text="Hurry", by="ann")
    text = desk.text("1")

    with pytest.raises(Unheard):
        await journal.text_step("a", 1, text, effect=Effect.PURE, pace=Pace.LISTENING)

    assert (desk.calls, journal.told) == ([], 1)
    await journal.text_step("a", 2, text, effect=Effect.PURE, pace=Pace.LISTENING)
    assert desk.calls == ["1"]


async def test_a_large_answer_does_not_wait(desk: Desk) -> None:
    """What may have to go into a blob is stored at once, whatever its pace."""
    grant, journal = await desk.attempt()
    large = canonical("x" * 40_000)

    await journal.text_step("a", 1, desk.text(large), effect=Effect.PURE, pace=Pace.RIDING)
    await journal.step_at_once("b", 2, "y" * 40_000, effect=Effect.PURE)

    states = [step.state for step in await desk.store.journal.read(grant.token.ref, run=1)]
    assert states == [StepState.RECORDED] * 2


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
