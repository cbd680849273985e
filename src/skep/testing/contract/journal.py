"""The journal: announced before, written once after, and never answered for another question."""

import asyncio

import pytest

from skep.records.errors import LimitExceeded
from skep.records.ids import SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import Grant
from skep.records.limits import RUN_STEPS_MAX, STEP_KEY_CHARS_MAX, VALUE_BYTES_MAX
from skep.records.step import Effect, StepAnswer, StepState, StepVerdict
from skep.records.swarm import SwarmMove
from skep.testing.acts import claim_one, events, kinds, steer, submit, succeed, write
from skep.testing.harness import InspectableStore
from skep.testing.samples import intent, record, task

V = StepVerdict
ONCE, IDEMPOTENT, PURE = Effect.ONCE, Effect.IDEMPOTENT, Effect.PURE


async def running(store: InspectableStore) -> Grant:
    """Start task `a` of swarm `s`."""
    await submit(store, "s", task("a"))
    return await claim_one(store)


async def taken_over(store: InspectableStore) -> Grant:
    """Lose the task and grant it again, in the same run."""
    await store.leases.reclaim(WorkerId("w1"))
    return await claim_one(store)


class JournalContract:
    """Invariants 19 to 23, 27 and 29."""

    async def test_an_intent_lets_a_call_out(self, store: InspectableStore) -> None:
        """A first intent is OPENED and stands in the journal before it is answered."""
        grant = await running(store)

        answer = await write(store, intent(grant.token, "fetch", effect=ONCE, name="i7"))

        assert answer == StepAnswer(verdict=V.OPENED)
        [step] = await store.journal.read(grant.token.ref, run=1)
        assert (step.key, step.effect, step.state) == ("fetch", ONCE, StepState.OPEN)
        assert (step.intent, step.calls, step.value) == ("i7", 1, None)

    async def test_a_result_is_recorded(self, store: InspectableStore) -> None:
        """A result is RECORDED, read back as its JSON text, and told by one event."""
        grant = await running(store)
        await write(store, intent(grant.token, "fetch"))

        answer = await write(store, record(grant.token, "fetch", value={"b": 1, "a": "é"}))

        assert answer == StepAnswer(verdict=V.RECORDED, value='{"a":"é","b":1}')
        told = (await events(store, "s"))[-1]
        assert (told.kind, told.task) == ("step.recorded", "a")
        assert dict(told.data) == {"key": "fetch", "effect": "pure", "calls": 1}

    async def test_one_call_settles_a_step_and_opens_the_next(
        self, store: InspectableStore
    ) -> None:
        """Entries of one write are taken in order."""
        grant = await running(store)

        answers = await store.journal.write(
            [
                intent(grant.token, "one"),
                record(grant.token, "one", value=1),
                intent(grant.token, "two"),
                intent(grant.token, "one", name="again"),
            ]
        )

        assert [answer.verdict for answer in answers] == [V.OPENED, V.RECORDED, V.OPENED, V.FOUND]

    async def test_one_call_takes_several_tasks(self, store: InspectableStore) -> None:
        """Entries of one write may be of several tasks in turn, and of one step more than one."""
        await submit(store, "s", task("a"), task("b"))
        a, b = (await claim_one(store)).token, (await claim_one(store)).token

        answers = await store.journal.write(
            [intent(a), intent(b), record(a, value="a"), record(b, value="b"), intent(a, "next")]
        )

        assert [answer.verdict for answer in answers] == [V.OPENED] * 2 + [V.RECORDED] * 2 + [
            V.OPENED
        ]
        [first, second] = await store.journal.read(a.ref, run=1)
        assert (first.value, first.calls, second.state) == ('"a"', 1, StepState.OPEN)
        [other] = await store.journal.read(b.ref, run=1)
        assert (other.value, other.state) == ('"b"', StepState.RECORDED)

    async def test_a_recorded_call_is_not_made_again(self, store: InspectableStore) -> None:
        """After a takeover the intent of a recorded step answers FOUND with its value."""
        grant = await running(store)
        await write(store, intent(grant.token))
        await write(store, record(grant.token, value="paid"))
        again = await taken_over(store)

        answer = await write(store, intent(again.token, name="i2"))

        assert answer == StepAnswer(verdict=V.FOUND, value='"paid"')
        [step] = await store.journal.read(again.token.ref, run=1)
        assert step.calls == 1

    async def test_the_first_value_stands(self, store: InspectableStore) -> None:
        """A second result for a step is answered with the first, and told of no second time."""
        grant = await running(store)
        await write(store, intent(grant.token))
        await write(store, record(grant.token, value="first"))

        answer = await write(store, record(grant.token, value="second"))

        assert answer == StepAnswer(verdict=V.RECORDED, value='"first"')
        assert (await kinds(store, "s")).count("step.recorded") == 1

    async def test_racing_results_agree(self, store: InspectableStore) -> None:
        """Of results written at once one wins, and all writers read that one."""
        grant = await running(store)
        await write(store, intent(grant.token))

        answers = await asyncio.gather(
            *(write(store, record(grant.token, value=number)) for number in range(8))
        )

        assert {answer.verdict for answer in answers} == {V.RECORDED}
        assert len({answer.value for answer in answers}) == 1

    @pytest.mark.parametrize("is_recorded", [False, True])
    async def test_a_key_stands_for_one_request(
        self, store: InspectableStore, *, is_recorded: bool
    ) -> None:
        """The same key with another fingerprint is DIVERGED, never a value, never a new call."""
        grant = await running(store)
        await write(store, intent(grant.token, asks="one"))
        if is_recorded:
            await write(store, record(grant.token, asks="one"))
        before = await store.dump()

        asked = await write(store, intent(grant.token, asks="other", name="i2"))
        told = await write(store, record(grant.token, asks="other"))

        assert [asked, told] == [StepAnswer(verdict=V.DIVERGED)] * 2
        assert await store.dump() == before

    async def test_an_announcement_sent_twice_is_one(self, store: InspectableStore) -> None:
        """After a lost reply the same intent is OPENED again and counts as one call."""
        grant = await running(store)
        for effect in (PURE, ONCE):
            for _ in range(2):
                answer = await write(store, intent(grant.token, effect, effect=effect, name="i1"))
                assert answer.verdict is V.OPENED

        steps = await store.journal.read(grant.token.ref, run=1)
        assert [step.calls for step in steps] == [1, 1]

    @pytest.mark.parametrize("effect", [PURE, IDEMPOTENT])
    async def test_a_call_that_died_is_repeated(
        self, store: InspectableStore, effect: Effect
    ) -> None:
        """An open intent met by the next attempt lets the call out again, and counts it."""
        grant = await running(store)
        await write(store, intent(grant.token, effect=effect, name="i1"))
        again = await taken_over(store)

        answer = await write(store, intent(again.token, effect=effect, name="i2"))

        assert answer.verdict is V.OPENED
        [step] = await store.journal.read(again.token.ref, run=1)
        assert (step.calls, step.intent) == (2, "i2")

    async def test_a_call_to_be_made_once_is_never_repeated(self, store: InspectableStore) -> None:
        """An open intent of class once, met again, is UNKNOWN for ever and told of once (23)."""
        grant = await running(store)
        await write(store, intent(grant.token, effect=ONCE, name="i1"))

        verdicts: list[StepVerdict] = []
        for number in range(2):
            grant = await taken_over(store)
            answer = await write(store, intent(grant.token, effect=ONCE, name=f"again{number}"))
            verdicts.append(answer.verdict)

        assert verdicts == [V.UNKNOWN, V.UNKNOWN]
        [step] = await store.journal.read(grant.token.ref, run=1)
        assert (step.state, step.calls) == (StepState.UNKNOWN, 1)
        assert (await kinds(store, "s")).count("step.unknown") == 1

    async def test_the_class_of_the_first_intent_holds(self, store: InspectableStore) -> None:
        """A step announced as once stays so, whatever a later intent calls it."""
        grant = await running(store)
        await write(store, intent(grant.token, effect=ONCE, name="i1"))
        again = await taken_over(store)

        answer = await write(store, intent(again.token, effect=PURE, name="i2"))

        assert answer.verdict is V.UNKNOWN

    async def test_a_class_that_comes_later_is_not_taken(self, store: InspectableStore) -> None:
        """A step announced as repeatable stays so, and its open call is made again."""
        grant = await running(store)
        await write(store, intent(grant.token, effect=IDEMPOTENT, name="i1"))
        again = await taken_over(store)

        answer = await write(store, intent(again.token, effect=ONCE, name="i2"))

        assert answer.verdict is V.OPENED
        [step] = await store.journal.read(again.token.ref, run=1)
        assert (step.calls, step.effect) == (2, IDEMPOTENT)

    async def test_an_unknown_step_takes_no_result(self, store: InspectableStore) -> None:
        """What became unknown is for a person to settle."""
        grant = await running(store)
        await write(store, intent(grant.token, effect=ONCE, name="i1"))
        again = await taken_over(store)
        await write(store, intent(again.token, effect=ONCE, name="i2"))

        assert (await write(store, record(again.token))).verdict is V.UNKNOWN

    async def test_a_late_pure_result_is_kept(self, store: InspectableStore) -> None:
        """A fenced worker may store the paid answer of a pure call; the next one finds it."""
        old = await running(store)
        await write(store, intent(old.token))
        again = await taken_over(store)

        late = await write(store, record(old.token, value="paid"))

        assert late == StepAnswer(verdict=V.RECORDED, value='"paid"')
        found = await write(store, intent(again.token, name="i2"))
        assert found == StepAnswer(verdict=V.FOUND, value='"paid"')

    @pytest.mark.parametrize("effect", [IDEMPOTENT, ONCE])
    async def test_a_late_effectful_result_is_fenced(
        self, store: InspectableStore, effect: Effect
    ) -> None:
        """The result of an effect needs the current token (invariant 9)."""
        old = await running(store)
        await write(store, intent(old.token, effect=effect))
        await taken_over(store)
        before = await store.dump()

        assert (await write(store, record(old.token))).verdict is V.FENCED

        assert await store.dump() == before

    async def test_a_result_needs_its_intent(self, store: InspectableStore) -> None:
        """A result nobody announced is MISSING, for known and unknown tasks alike."""
        grant = await running(store)

        assert (await write(store, record(grant.token))).verdict is V.MISSING

        assert await store.journal.read(grant.token.ref, run=1) == []

    async def test_a_settled_task_opens_no_step(self, store: InspectableStore) -> None:
        """After its outcome a task announces nothing; a cancelled one neither (27)."""
        done = await running(store)
        await succeed(store, done)
        await submit(store, "t", task("a"))
        cancelled = await claim_one(store)
        await steer(store, "t", SwarmMove.CANCEL)

        for grant in (done, cancelled):
            assert (await write(store, intent(grant.token))).verdict is V.FENCED

    async def test_steps_are_read_in_the_order_of_their_opening(
        self, store: InspectableStore
    ) -> None:
        """Neither key nor time of the result changes the order of a journal."""
        grant = await running(store)
        for key in ("c", "a", "b"):
            await write(store, intent(grant.token, key))
        for key in ("b", "c"):
            await write(store, record(grant.token, key))
        again = await taken_over(store)
        await write(store, intent(again.token, "a", name="i2"))

        steps = await store.journal.read(grant.token.ref, run=1)

        assert [step.key for step in steps] == ["c", "a", "b"]

    async def test_journals_do_not_meet(self, store: InspectableStore) -> None:
        """The same key in another task is another step."""
        await submit(store, "s", task("a"), task("b"))
        one, two = await claim_one(store), await claim_one(store)
        await write(store, intent(one.token))
        await write(store, record(one.token, value="one"))

        assert (await write(store, intent(two.token))).verdict is V.OPENED

    async def test_an_empty_journal_reads_empty(self, store: InspectableStore) -> None:
        """A run without steps, or no run at all, has an empty journal."""
        ghost = TaskRef(swarm=SwarmId("s"), key=TaskKey("ghost"))

        assert list(await store.journal.read(ghost, run=1)) == []

    @pytest.mark.parametrize("limit", ["STEP_KEY_CHARS_MAX", "VALUE_BYTES_MAX"])
    async def test_an_entry_keeps_within_every_limit(
        self, store: InspectableStore, limit: str
    ) -> None:
        """A key or a value too long is refused by name, and nothing of the write is stored."""
        grant = await running(store)
        bad = {
            "STEP_KEY_CHARS_MAX": intent(grant.token, "k" * (STEP_KEY_CHARS_MAX + 1)),
            "VALUE_BYTES_MAX": record(grant.token, value="x" * VALUE_BYTES_MAX),
        }[limit]
        before = await store.dump()

        with pytest.raises(LimitExceeded, match=limit):
            await store.journal.write([intent(grant.token), bad])

        assert await store.dump() == before

    async def test_a_run_holds_a_limited_number_of_steps(self, store: InspectableStore) -> None:
        """At RUN_STEPS_MAX a new step is FULL; those that stand are still answered."""
        grant = await running(store)
        keys = [f"k{i}" for i in range(RUN_STEPS_MAX - 1)]
        for start in range(0, RUN_STEPS_MAX, 2_000):
            await store.journal.write([intent(grant.token, key) for key in keys[start:][:2_000]])

        answers = await store.journal.write(
            [
                intent(grant.token, "last"),
                intent(grant.token, "one more"),
                intent(grant.token, "k7"),
                record(grant.token, "k8"),
            ]
        )

        assert [answer.verdict for answer in answers] == [V.OPENED, V.FULL, V.OPENED, V.RECORDED]
