"""Deciding questions: the first reply stands, is recorded, and wakes the task that waits."""

import asyncio

import pytest

from skep.policy.approving import step_value
from skep.records.approval import ApprovalState, Decision, ReplyVerdict, Verdict
from skep.records.errors import AlreadyDecided, ApprovalWithdrawn, InvalidInput, LimitExceeded
from skep.records.ids import ApprovalId
from skep.records.lease import Grant, Swept
from skep.records.limits import AWAITS_MAX
from skep.records.outcome import Blocked, SettleVerdict
from skep.records.step import StepState
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
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
)
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, question, reply, task

S = TaskStatus


class DecidingContract:
    """Invariants 39 and 40: one decision, and who waits for it goes on."""

    @pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.DENIED])
    async def test_a_decision_is_recorded_told_and_wakes(
        self, store: InspectableStore, clock: ManualClock, verdict: Verdict
    ) -> None:
        """Record, step, events and the waking of the task become visible together."""
        grant, asked = await _waiting(store)
        clock.advance(3.25)

        answer = await decide(store, asked, verdict, by="Zoë", reason='a "/" b')

        [found] = await store.approvals.read([asked])
        [step] = await store.journal.read(grant.token.ref, run=1)
        decision = Decision(verdict=verdict, by="Zoë", reason='a "/" b', at=clock.now())
        assert answer is ReplyVerdict.OK
        assert (found.state, found.decision) == (ApprovalState(verdict), decision)
        assert step.state is StepState.RECORDED
        assert step.value == step_value(verdict, by="Zoë", reason='a "/" b')
        told = (await events(store, "s"))[-3:]
        assert [event.kind for event in told] == [
            "step.recorded",
            "approval.decided",
            "task.woken",
        ]
        assert told[1].data == {
            "approval": asked,
            "key": "approval/q",
            "verdict": verdict,
            "by": "Zoë",
            "reason": 'a "/" b',
        }
        assert await statuses(store, "s") == {"a": S.READY}

    async def test_the_woken_task_is_given_out_in_the_same_run(
        self, store: InspectableStore
    ) -> None:
        """Waiting cost no failure, and the next attempt finds the decision."""
        _, asked = await _waiting(store)
        await decide(store, asked)

        grant = await claim_one(store)

        [answer] = await store.approvals.ask([question(grant.token)])
        assert (grant.token.run, grant.token.attempt, grant.failures) == (1, 2, 0)
        assert answer.decision is not None
        assert answer.decision.approved

    async def test_a_blocked_task_is_given_to_nobody(self, store: InspectableStore) -> None:
        """It names what it waits for, has no lease, and nothing is claimed."""
        _, asked = await _waiting(store)

        seen = await task_of(store, "s", "a")

        assert (seen.status, seen.awaits, seen.reason) == (S.BLOCKED, (asked,), "asks")
        assert (seen.worker, seen.lease_until) == (None, None)
        assert await claim(store) == []
        assert (await events(store, "s"))[-1].data == {"reason": "asks", "awaits": [asked]}

    async def test_the_same_decision_again_changes_nothing(self, store: InspectableStore) -> None:
        """Whoever repeats it, or comes second to the same, is told that it stands already."""
        _, asked = await _waiting(store)
        await decide(store, asked)
        before = await store.dump()

        assert await decide(store, asked) is ReplyVerdict.ALREADY
        assert await decide(store, asked, by="bob", reason="me too") is ReplyVerdict.ALREADY

        assert await store.dump() == before

    async def test_another_decision_is_refused(self, store: InspectableStore) -> None:
        """The first stands, and the refusal says who decided what."""
        _, asked = await _waiting(store)
        await decide(store, asked, Verdict.DENIED, by="ann")
        before = await store.dump()

        answer = await decide(store, asked, by="bob")

        assert isinstance(answer, AlreadyDecided)
        assert (answer.verdict, answer.by) == ("denied", "ann")
        assert "was denied by ann at 20" in answer.message
        assert await store.dump() == before

    async def test_two_people_at_once_make_one_decision(self, store: InspectableStore) -> None:
        """Of two different replies at the same time one is taken."""
        _, asked = await _waiting(store)

        answers = await asyncio.gather(
            decide(store, asked, by="ann"), decide(store, asked, Verdict.DENIED, by="bob")
        )

        assert [answer is ReplyVerdict.OK for answer in answers].count(True) == 1
        assert (await kinds(store, "s")).count("approval.decided") == 1
        assert (await kinds(store, "s")).count("task.woken") == 1

    async def test_a_decision_before_the_settlement_wakes_with_it(
        self, store: InspectableStore
    ) -> None:
        """Decided between ask and settle, the task blocks and is ready in one operation."""
        grant = await _begun(store)
        asked = await ask(store, grant.token)
        await decide(store, asked)
        assert await statuses(store, "s") == {"a": S.RUNNING}

        verdicts = await settle(store, Blocked(reason="asks", awaits=(asked,)), grant)

        assert verdicts == [SettleVerdict.OK]
        assert (await kinds(store, "s"))[-2:] == ["task.blocked", "task.woken"]
        assert await statuses(store, "s") == {"a": S.READY}

    async def test_a_lost_worker_loses_neither_question_nor_decision(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Died between ask and settle: the takeover finds the question, or what was decided."""
        grant = await _begun(store)
        asked = await ask(store, grant.token)
        clock.advance(60)
        await store.leases.sweep()
        await decide(store, asked)

        again = await claim_one(store)

        [answer] = await store.approvals.ask([question(again.token)])
        assert answer.decision is not None
        assert len(await store.approvals.find()) == 1
        late = Blocked(reason="asks", awaits=(asked,))
        assert await settle(store, late, grant) == [SettleVerdict.FENCED]

    async def test_any_of_several_decisions_wakes(self, store: InspectableStore) -> None:
        """A task that asked twice goes on with the first decision, and may wait for the other."""
        grant = await _begun(store)
        ids = [await ask(store, grant.token, name) for name in ("x", "y")]
        await settle(store, Blocked(reason="asks", awaits=tuple(ids)), grant)
        await decide(store, ids[1])
        again = await claim_one(store)

        await settle(store, Blocked(reason="asks", awaits=(ids[0],)), again)

        assert (await task_of(store, "s", "a")).awaits == (ids[0],)
        assert await decide(store, ids[0]) is ReplyVerdict.OK
        assert await statuses(store, "s") == {"a": S.READY}

    async def test_only_who_waits_for_it_is_woken(self, store: InspectableStore) -> None:
        """A task blocked for something else stays so, whatever is decided of its questions."""
        grant = await _begun(store)
        asked = await ask(store, grant.token)
        await settle(store, Blocked(reason="unknown"), grant)

        assert await decide(store, asked) is ReplyVerdict.OK

        assert await statuses(store, "s") == {"a": S.BLOCKED}

    async def test_nobody_waits_for_the_questions_of_others(self, store: InspectableStore) -> None:
        """What a settlement awaits and is no question of its run is left out."""
        await submit(store, "s", *many(2))
        one, other = await claim(store)
        asked = await ask(store, other.token)
        foreign = (asked, ApprovalId("0" * 16))

        await settle(store, Blocked(reason="asks", awaits=foreign), one)
        await decide(store, asked)

        seen = await task_of(store, "s", one.token.task)
        assert (seen.status, seen.awaits) == (S.BLOCKED, ())

    async def test_a_task_waits_for_so_many_at_most(self, store: InspectableStore) -> None:
        """More than AWAITS_MAX approvals are refused, and nothing is settled."""
        grant = await _begun(store)
        many_ids = tuple(ApprovalId(f"{number:016}") for number in range(AWAITS_MAX + 1))

        with pytest.raises(LimitExceeded, match="AWAITS_MAX"):
            await settle(store, Blocked(reason="asks", awaits=many_ids), grant)

        assert await statuses(store, "s") == {"a": S.RUNNING}

    async def test_a_paused_swarm_is_decided_and_goes_on_later(
        self, store: InspectableStore
    ) -> None:
        """The decision counts at once, the task is given out when the swarm is resumed."""
        _, asked = await _waiting(store)
        await steer(store, "s", SwarmMove.PAUSE)

        assert await decide(store, asked) is ReplyVerdict.OK
        assert await claim(store) == []
        await steer(store, "s", SwarmMove.RESUME)

        assert len(await claim(store)) == 1

    @pytest.mark.parametrize("end", ["succeeded", "cancelled", "next run"])
    async def test_a_reply_that_nobody_waits_for_is_refused(
        self, store: InspectableStore, end: str
    ) -> None:
        """When the task has ended or begun anew, the question is withdrawn."""
        grant = await _begun(store)
        asked = await ask(store, grant.token)
        if end == "next run":
            await settle(store, Blocked(reason="asks", awaits=(asked,)), grant)
            await steer(store, "s", SwarmMove.REOPEN)
        elif end == "cancelled":
            await steer(store, "s", SwarmMove.CANCEL)
        else:
            await succeed(store, grant)
        before = await store.dump()

        answer = await decide(store, asked)

        assert isinstance(answer, ApprovalWithdrawn)
        assert await store.dump() == before

    async def test_a_question_expires_when_its_time_is_over(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The sweep decides it, exactly once, and wakes the task."""
        _, asked = await _waiting(store, expires_s=10.0)
        clock.advance(9)
        assert (await store.leases.sweep()).expired == 0
        clock.advance(1)

        assert await store.leases.sweep() == Swept(expired=1)

        [found] = await store.approvals.read([asked])
        assert found.decision == Decision(verdict=Verdict.EXPIRED, by="", reason="", at=clock.now())
        assert await statuses(store, "s") == {"a": S.READY}
        assert (await store.leases.sweep()).total == 0

    async def test_a_reply_that_comes_late_is_refused_before_the_sweep(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """An expiry holds by the clock: whoever replies first after it, decides nothing."""
        _, asked = await _waiting(store, expires_s=10.0)
        clock.advance(10)

        answer = await decide(store, asked)

        assert isinstance(answer, AlreadyDecided)
        assert answer.verdict == "expired"
        assert await statuses(store, "s") == {"a": S.READY}
        assert (await store.leases.sweep()).expired == 0

    async def test_what_is_decided_or_withdrawn_does_not_expire(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The sweep leaves both alone, and does as much as it may of what is due."""
        await submit(store, "s", *many(5), max_agents=5)
        grants = await claim(store)
        ids = [await ask(store, grant.token, expires_s=1.0) for grant in grants]
        await decide(store, ids[0])
        await succeed(store, grants[1])
        clock.advance(2)

        expired = [(await store.leases.sweep(limit=2)).expired for _ in range(3)]

        assert expired == [2, 1, 0]
        found = await store.approvals.read(ids)
        assert [each.state for each in found] == [
            "approved",
            "withdrawn",
            "expired",
            "expired",
            "expired",
        ]

    async def test_replies_are_answered_one_by_one(self, store: InspectableStore) -> None:
        """One call decides several; a refused one leaves its neighbours alone."""
        await submit(store, "s", *many(2))
        ids = [await ask(store, grant.token) for grant in await claim(store)]

        answers = await store.approvals.decide(
            [reply(ids[0]), reply(ids[0], Verdict.DENIED), reply(ids[1])]
        )

        assert [answers[0], answers[2]] == [ReplyVerdict.OK] * 2
        assert isinstance(answers[1], AlreadyDecided)

    async def test_a_reply_has_a_name_and_bounds(self, store: InspectableStore) -> None:
        """Nobody decides namelessly, at any length, or in the name of time."""
        _, asked = await _waiting(store)
        before = await store.dump()
        bad = [
            reply(asked, by=" "),
            reply(asked, by="b" * 121),
            reply(asked, reason="r" * 1_001),
            reply(asked, reason="\0"),
            reply(asked, Verdict.EXPIRED),
        ]

        for each in bad:
            with pytest.raises(InvalidInput):
                await store.approvals.decide([each])

        assert await store.dump() == before

    async def test_what_was_asked_and_decided_outlives_the_swarm(
        self, store: InspectableStore
    ) -> None:
        """A completed swarm's decisions are still there to be read."""
        _, asked = await _waiting(store)
        await decide(store, asked)
        await succeed(store, await claim_one(store))

        [found] = await store.approvals.read([asked])

        assert (await store.registry.swarm(found.ref.swarm)).status is SwarmStatus.COMPLETED
        assert found.state is ApprovalState.APPROVED


async def _begun(store: InspectableStore) -> Grant:
    await submit(store, "s", task("a"))
    return await claim_one(store)


async def _waiting(
    store: InspectableStore, *, expires_s: float | None = None
) -> tuple[Grant, ApprovalId]:
    """Bring a task to wait for the decision of its question."""
    grant = await _begun(store)
    asked = await ask(store, grant.token, expires_s=expires_s)
    await settle(store, Blocked(reason="asks", awaits=(asked,)), grant)
    return grant, asked
