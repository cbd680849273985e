"""Asking people: one question per key of a run, under the fence, found again by later attempts."""

from collections.abc import Sequence

import pytest

from skep.policy.approving import approval_id, asked_as, fingerprint_of
from skep.records.approval import (
    ApprovalState,
    Ask,
    AskAnswer,
    AskVerdict,
    Decision,
    ReplyVerdict,
    Verdict,
)
from skep.records.errors import ApprovalNotFound, InvalidInput, LimitExceeded
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import Grant
from skep.records.limits import DETAIL_BYTES_MAX, QUESTION_CHARS_MAX, RUN_STEPS_MAX, SECONDS_MAX
from skep.records.outcome import Blocked
from skep.records.step import Effect, StepState
from skep.records.swarm import SwarmMove
from skep.records.task import TaskStatus
from skep.records.values import Json
from skep.testing.acts import (
    ask,
    claim,
    claim_one,
    decide,
    events,
    kinds,
    settle,
    statuses,
    steer,
    submit,
    succeed,
    task_of,
    write,
)
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import intent, many, question, record, task

WORKER = WorkerId("w1")
PENDING = ApprovalState.PENDING
CALL: Json = {"tool": "pay", "args": {"cents": 250, "to": "Zoë / Ⓩ"}}


class AskingContract:
    """Invariants 38 and 40, and how questions are read."""

    async def test_a_question_is_a_record_an_open_step_and_an_event(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Asking writes all three at once, and leaves the task running."""
        grant = await _begun(store)

        asked = await ask(store, grant.token, asks='Pay "it"?', detail=CALL, expires_s=9.5)

        [found] = await store.approvals.read([asked])
        [step] = await store.journal.read(grant.token.ref, run=1)
        event = (await events(store, "s"))[-1]
        assert (found.ref, found.run, found.key) == (grant.token.ref, 1, "approval/q")
        assert (found.question, found.detail) == ('Pay "it"?', CALL)
        assert (found.asked_at, found.expires_at) == (clock.now(), clock.now() + 9.5)
        assert (found.state, found.decision) == (ApprovalState.PENDING, None)
        assert (step.key, step.state, step.effect) == (found.key, StepState.OPEN, Effect.ONCE)
        assert step.fingerprint == found.fingerprint == fingerprint_of('Pay "it"?', CALL)
        assert (event.kind, event.task) == ("approval.asked", "a")
        assert event.data == {
            "approval": asked,
            "key": "approval/q",
            "question": 'Pay "it"?',
            "expires_at": clock.now() + 9.5,
        }
        assert await statuses(store, "s") == {"a": TaskStatus.RUNNING}

    async def test_asked_again_it_is_the_same_question(self, store: InspectableStore) -> None:
        """A repeated ask changes nothing, in this attempt and in the next."""
        grant = await _begun(store)
        await ask(store, grant.token)
        await store.leases.reclaim(WORKER)
        again = await claim_one(store)
        before = await store.dump()

        await ask(store, again.token)
        await ask(store, again.token, expires_s=5.0)

        assert again.token.attempt == grant.token.attempt + 1
        assert await store.dump() == before

    async def test_a_decision_made_meanwhile_is_found(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Who asks what was decided is told who decided what, why and when."""
        grant = await _begun(store)
        asked = await ask(store, grant.token)
        clock.advance(0.1)
        await decide(store, asked, Verdict.DENIED, by="Zoë", reason="too / dear")
        made = Decision(verdict=Verdict.DENIED, by="Zoë", reason="too / dear", at=clock.now())
        clock.advance(1)
        before = await store.dump()

        answers = await _answers(store, question(grant.token))

        assert answers == [AskAnswer(verdict=AskVerdict.DECIDED, decision=made)]
        assert await store.dump() == before

    async def test_another_question_under_the_key_diverged(self, store: InspectableStore) -> None:
        """A decision is bound to the exact question and detail that it was asked for."""
        grant = await _begun(store)
        asked = await ask(store, grant.token, detail={"cents": 1})
        other = question(grant.token, detail={"cents": 2})
        diverged = [AskAnswer(verdict=AskVerdict.DIVERGED)]

        assert await _answers(store, other) == diverged
        await decide(store, asked)
        assert await _answers(store, other) == diverged

    async def test_asking_needs_the_current_token(self, store: InspectableStore) -> None:
        """Who has lost the lease is fenced, also from a decision that stands."""
        first = await _begun(store)
        asked = await ask(store, first.token)
        await store.leases.reclaim(WORKER)
        await claim_one(store)
        await decide(store, asked)
        before = await store.dump()

        answers = await _answers(store, question(first.token), question(first.token, "other"))

        assert answers == [AskAnswer(verdict=AskVerdict.FENCED)] * 2
        assert await store.dump() == before

    async def test_a_cancelled_task_asks_nothing(self, store: InspectableStore) -> None:
        """Once a cancel is acknowledged no question of its task is accepted."""
        grant = await _begun(store)
        await steer(store, "s", SwarmMove.CANCEL)

        [answer] = await _answers(store, question(grant.token))

        assert answer.verdict is AskVerdict.FENCED

    async def test_questions_are_answered_one_by_one(self, store: InspectableStore) -> None:
        """One call puts several questions; a refused one leaves its neighbours alone."""
        grant = await _begun(store)
        asks = [question(grant.token, name) for name in ("x", "y", "x")]
        asks.insert(1, question(grant.token, "x", asks="Another?"))

        verdicts = [answer.verdict for answer in await _answers(store, *asks)]

        assert verdicts == ["asked", "diverged", "asked", "asked"]
        found = await store.approvals.find()
        assert [each.key for each in found] == ["approval/y", "approval/x"]

    async def test_the_next_run_asks_anew(self, store: InspectableStore) -> None:
        """A decision is for one use: a reopened task has no answer to its question yet."""
        grant = await _begun(store)
        first = await ask(store, grant.token)
        await decide(store, first)
        await succeed(store, grant)
        await steer(store, "s", SwarmMove.REOPEN, "a")
        again = await claim_one(store)

        second = await ask(store, again.token)

        assert second != first
        assert [each.state for each in await store.approvals.read([first, second])] == [
            ApprovalState.APPROVED,
            ApprovalState.PENDING,
        ]

    async def test_what_nobody_decided_is_withdrawn_with_its_task(
        self, store: InspectableStore
    ) -> None:
        """The end, the cancel and the retry of a task each withdraw what it asked."""
        await submit(store, "s", *many(4))
        grants = await claim(store)
        ids = [await ask(store, grant.token) for grant in grants]

        await succeed(store, grants[0])
        await settle(store, Blocked(reason="asks", awaits=(ids[1],)), grants[1])
        await steer(store, "s", SwarmMove.REOPEN, grants[1].token.task)
        assert await _states(store, ids) == ["withdrawn", "withdrawn", "pending", "pending"]
        assert [each.id for each in await store.approvals.find(state=PENDING)] == [ids[3], ids[2]]
        await steer(store, "s", SwarmMove.CANCEL)

        assert await _states(store, ids) == ["withdrawn"] * 4
        assert await store.approvals.find(state=PENDING) == []
        assert await decide(store, ids[2]) != ReplyVerdict.OK

    async def test_questions_are_paged_newest_first(self, store: InspectableStore) -> None:
        """All questions, those of one swarm, those in one state: each in pages that join up."""
        ids = [await _asked(store, name, number) for name in ("s", "t") for number in range(3)]
        await decide(store, ids[4], Verdict.DENIED)

        assert await _pages(store, limit=2) == ids[::-1]
        assert await _pages(store, swarm=SwarmId("s"), limit=1) == ids[2::-1]
        assert await _pages(store, state=PENDING, limit=2) == [
            each for each in ids[::-1] if each != ids[4]
        ]
        assert await _pages(store, state=ApprovalState.DENIED, swarm=SwarmId("t")) == [ids[4]]
        assert await store.approvals.find(swarm=SwarmId("ghost")) == []

    async def test_a_long_list_of_questions_is_whole(self, store: InspectableStore) -> None:
        """Whatever a driver reads at once, none is missing and none comes twice."""
        grant = await _begun(store)
        asks = [question(grant.token, f"q{number:03}") for number in range(250)]
        await store.approvals.ask(asks)

        found = await store.approvals.find(limit=240)

        assert [each.key for each in found] == [each.key for each in asks[:9:-1]]

    async def test_a_question_that_is_not_there_is_missing(self, store: InspectableStore) -> None:
        """Reading, paging from and deciding it say so."""
        ghost = ApprovalId("0" * 16)

        with pytest.raises(ApprovalNotFound):
            await store.approvals.read([ghost])
        with pytest.raises(ApprovalNotFound):
            await store.approvals.find(before=ghost)
        assert isinstance(await decide(store, ghost), ApprovalNotFound)

    async def test_what_is_too_large_or_senseless_is_refused(self, store: InspectableStore) -> None:
        """Each bound has a name; then none of the call's questions is asked."""
        grant = await _begun(store)
        token, before = grant.token, await store.dump()
        bad: dict[str, Ask] = {
            "QUESTION_CHARS_MAX": question(token, asks="?" * (QUESTION_CHARS_MAX + 1)),
            "DETAIL_BYTES_MAX": question(token, detail="d" * DETAIL_BYTES_MAX),
            "SECONDS_MAX": question(token, expires_s=SECONDS_MAX + 1),
            "STEP_KEY_CHARS_MAX": question(token, "k" * 400),
            "holds a NUL": question(token, asks="a\0b"),
            "has words": question(token, asks=" "),
        }

        for words, asked in bad.items():
            with pytest.raises((LimitExceeded, InvalidInput), match=words):
                await store.approvals.ask([question(token, "good"), asked])
        assert await store.dump() == before

    async def test_a_full_run_asks_nothing_more(self, store: InspectableStore) -> None:
        """A question is a step, and counts against RUN_STEPS_MAX."""
        grant = await _begun(store)
        for start in range(0, RUN_STEPS_MAX, 500):
            await store.journal.write(
                [intent(grant.token, f"k{number}") for number in range(start, start + 500)]
            )

        [answer] = await _answers(store, question(grant.token))

        assert answer.verdict is AskVerdict.FULL

    async def test_the_journal_leaves_questions_alone(self, store: InspectableStore) -> None:
        """No intent or record reaches a question's step: only a decision answers it."""
        grant = await _begun(store)
        await ask(store, grant.token)
        before = await store.dump()

        for entry in (intent(grant.token, "approval/q"), record(grant.token, "approval/q")):
            with pytest.raises(InvalidInput):
                await write(store, entry)

        assert await store.dump() == before

    async def test_an_id_is_the_same_for_all(self, store: InspectableStore) -> None:
        """It follows from swarm, task, run and key, so that whoever knows these knows it."""
        grant = await _begun(store)

        asked = await ask(store, grant.token, "pay:2")

        ref = TaskRef(swarm=SwarmId("s"), key=TaskKey("a"))
        assert (
            asked
            == approval_id(ref, 1, "approval/pay:2")
            == asked_as(question(grant.token, "pay:2"))
        )
        assert (await task_of(store, "s", "a")).awaits == ()
        assert (await kinds(store, "s"))[-1] == "approval.asked"


async def _begun(store: InspectableStore, swarm: str = "s") -> Grant:
    await submit(store, swarm, task("a"))
    return await claim_one(store)


async def _asked(store: InspectableStore, swarm: str, number: int) -> ApprovalId:
    if number == 0:
        await submit(store, swarm, *many(3))
    return await ask(store, (await claim_one(store)).token, f"q{number}")


async def _answers(store: InspectableStore, *asks: Ask) -> list[AskAnswer]:
    return list(await store.approvals.ask(asks))


async def _states(store: InspectableStore, ids: Sequence[ApprovalId]) -> list[ApprovalState]:
    return [approval.state for approval in await store.approvals.read(ids)]


async def _pages(
    store: InspectableStore,
    *,
    swarm: SwarmId | None = None,
    state: ApprovalState | None = None,
    limit: int = 3,
) -> list[ApprovalId]:
    """Read all pages, one after the other."""
    found: list[ApprovalId] = []
    while True:
        before = found[-1] if found else None
        page = await store.approvals.find(swarm=swarm, state=state, before=before, limit=limit)
        found.extend(approval.id for approval in page)
        if not page:
            return found
