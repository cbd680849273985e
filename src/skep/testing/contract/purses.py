"""The purse: what calls may take is reserved with their intent, and never given back in silence."""

import pytest

from skep.records.errors import InvalidInput
from skep.records.ids import SwarmId, WorkerId
from skep.records.lease import Grant
from skep.records.outcome import HandedBack
from skep.records.purse import NOTHING, Amount, Budget, Purse
from skep.records.step import Effect, Step, StepAnswer, StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    kinds,
    settle,
    status_of,
    statuses,
    steer,
    submit,
    succeed,
    write,
)
from skep.testing.harness import InspectableStore
from skep.testing.samples import failed, intent, lapsed, order, record, task

V = StepVerdict
CALL = Amount(requests=1, tokens=100, nano_usd=9_007_199_254_741)
USED = Amount(requests=1, tokens=60, nano_usd=1_234_567_890_123)
TWO = Budget(requests=2)


async def purse_of(store: InspectableStore) -> Purse:
    """Read the purse of swarm `s`."""
    return (await store.registry.swarm(SwarmId("s"))).purse


async def running(store: InspectableStore, budget: Budget | None = TWO) -> Grant:
    """Start task `a` of swarm `s`, before task `b`."""
    await submit(store, "s", task("a"), task("b", "a"), budget=budget)
    return await claim_one(store)


async def pay(
    store: InspectableStore, grant: Grant, key: str = "k", *, reserve: Amount = CALL, name: str = ""
) -> StepVerdict:
    """Announce a call that may take something."""
    announced = intent(grant.token, key, reserve=reserve, name=name or f"{key}'s")
    return (await write(store, announced)).verdict


async def step_of(store: InspectableStore, grant: Grant) -> Step:
    """Read the one step of a run."""
    [step] = await store.journal.read(grant.token.ref, run=grant.token.run)
    return step


class ReservationContract:
    """Invariant 24: a call is let out with what it may take reserved, or not at all."""

    async def test_an_intent_reserves(self, store: InspectableStore) -> None:
        """What a call may take is reserved with its intent, to the last digit."""
        grant = await running(store)

        verdict = await pay(store, grant)

        assert verdict is V.OPENED
        assert await purse_of(store) == Purse(budget=TWO, reserved=CALL, open=1)
        assert (await step_of(store, grant)).reserved == CALL

    async def test_the_same_announcement_reserves_once(self, store: InspectableStore) -> None:
        """An intent whose answer was lost, sent again, reserves nothing more."""
        grant = await running(store)
        await pay(store, grant)

        verdict = await pay(store, grant)

        assert (verdict, (await purse_of(store)).open) == (V.OPENED, 1)

    async def test_a_result_settles_what_it_used(self, store: InspectableStore) -> None:
        """The usage takes the place of the reservation, and the event and the step tell it."""
        grant = await running(store)
        await pay(store, grant)

        await write(store, record(grant.token, usage=USED, payee="m"))

        assert await purse_of(store) == Purse(budget=TWO, spent=USED)
        step = await step_of(store, grant)
        assert (step.reserved, step.spent, step.payee) == (None, USED, "m")
        told = (await events(store, "s"))[-1]
        assert (told.data["usage"], told.data["payee"]) == (USED.as_json(), "m")

    async def test_a_result_told_twice_is_paid_once(self, store: InspectableStore) -> None:
        """A repeated result counts nothing more."""
        grant = await running(store)
        await pay(store, grant)
        await write(store, record(grant.token, usage=USED))

        await write(store, record(grant.token, usage=USED))

        assert (await purse_of(store)).spent == USED

    async def test_a_result_without_usage_takes_all(self, store: InspectableStore) -> None:
        """Where nobody says what a call used, all that it had reserved is spent."""
        grant = await running(store)
        await pay(store, grant)

        await write(store, record(grant.token))

        assert (await purse_of(store)).spent == CALL

    async def test_a_call_that_reserved_nothing_is_free(self, store: InspectableStore) -> None:
        """Without a reservation nothing is spent, whatever the purse holds."""
        grant = await running(store, Budget(requests=0))

        answer = await write(store, intent(grant.token))
        await write(store, record(grant.token, usage=USED))

        assert answer == StepAnswer(verdict=V.OPENED)
        assert (await purse_of(store)).spent == NOTHING

    async def test_without_a_budget_everything_fits(self, store: InspectableStore) -> None:
        """A swarm of which no budget was said spends what it likes, and it is counted."""
        grant = await running(store, None)
        await pay(store, grant, reserve=Amount(requests=10**15))

        verdict = await pay(store, grant, "k2", reserve=Amount(requests=9))

        assert verdict is V.OPENED
        assert (await purse_of(store)).reserved.requests == 10**15 + 9

    async def test_a_fenced_intent_reserves_nothing(self, store: InspectableStore) -> None:
        """Who does not hold the task cannot reserve."""
        grant = await running(store)
        await store.leases.reclaim(WorkerId("w1"))

        verdict = await pay(store, grant)

        assert (verdict, (await purse_of(store)).open) == (V.FENCED, 0)

    async def test_an_unknown_price_is_counted(self, store: InspectableStore) -> None:
        """A call without a price adds to the tokens, and to the calls that have none."""
        grant = await running(store)
        unpriced = Amount(requests=1, tokens=5, nano_usd=None)
        await pay(store, grant, reserve=unpriced)

        await write(store, record(grant.token, usage=unpriced))

        purse = await purse_of(store)
        assert (purse.spent.tokens, purse.spent.nano_usd, purse.unpriced) == (5, 0, 1)
        assert (await step_of(store, grant)).spent == unpriced

    async def test_an_unknown_price_never_fits_a_dollar_budget(
        self, store: InspectableStore
    ) -> None:
        """Under a limit of dollars a call without a price is not made."""
        grant = await running(store, Budget(nano_usd=10**15))

        verdict = await pay(store, grant, reserve=Amount(requests=1, nano_usd=None))

        assert verdict is V.EMPTY

    async def test_amounts_are_whole_and_not_negative(self, store: InspectableStore) -> None:
        """A reservation that would give something to the purse is refused."""
        grant = await running(store)

        with pytest.raises(InvalidInput):
            await pay(store, grant, reserve=Amount(requests=-1))

        assert (await purse_of(store)).open == 0


class FullPurseContract:
    """Invariant 24: what does not fit waits, or pauses the swarm."""

    async def test_what_does_not_fit_waits_for_the_others(self, store: InspectableStore) -> None:
        """While calls are under way that may leave something, the next one waits."""
        grant = await running(store, Budget(requests=1))
        await pay(store, grant)

        verdict = await pay(store, grant, "k2")

        assert verdict is V.WAITS
        assert [step.key for step in await store.journal.read(grant.token.ref, run=1)] == ["k"]
        assert await status_of(store, "s") is SwarmStatus.ACTIVE

    async def test_who_waited_finds_room(self, store: InspectableStore) -> None:
        """What a settled call did not use is there for the next."""
        grant = await running(store, Budget(tokens=160))
        await pay(store, grant)
        assert await pay(store, grant, "k2") is V.WAITS
        await write(store, record(grant.token, usage=USED))

        assert await pay(store, grant, "k2") is V.OPENED

    async def test_an_empty_purse_pauses_the_swarm(self, store: InspectableStore) -> None:
        """What does not fit with no call under way pauses the swarm, which says why."""
        grant = await running(store, Budget(requests=0))

        verdict = await pay(store, grant)

        assert verdict is V.EMPTY
        assert await status_of(store, "s") is SwarmStatus.PAUSED
        assert (await kinds(store, "s"))[-2:] == ["purse.empty", "swarm.paused"]
        assert (await purse_of(store)).is_empty

    async def test_it_is_paused_once(self, store: InspectableStore) -> None:
        """A second call that does not fit changes nothing more."""
        grant = await running(store, Budget(requests=0))
        await pay(store, grant)

        verdict = await pay(store, grant, "k2")

        assert verdict is V.EMPTY
        assert (await kinds(store, "s")).count("purse.empty") == 1

    async def test_a_part_is_kept_for_the_end(self, store: InspectableStore) -> None:
        """Only the last tasks of a plan may draw on what the budget keeps."""
        kept = Budget(requests=1, kept=Amount(requests=1))
        await submit(store, "s", task("a"), task("b"), task("c", "a"), budget=kept)
        a, b = await claim(store)

        assert await pay(store, b) is V.OPENED
        await write(store, lapsed(b.token))
        assert await pay(store, a) is V.EMPTY

    async def test_an_overrun_blocks(self, store: InspectableStore) -> None:
        """Usage above the reservation is told, and no call is let out after it."""
        grant = await running(store, None)
        await pay(store, grant)
        over = Amount(requests=1, tokens=101, nano_usd=5)

        await write(store, record(grant.token, usage=over))

        assert (await purse_of(store)).overrun
        assert "purse.overrun" in await kinds(store, "s")
        assert await pay(store, grant, "k2") is V.EMPTY


class LostCallContract:
    """Invariant 24: a call that ended without an answer is counted, unless it was never made."""

    async def test_a_call_that_was_not_made_is_given_back(self, store: InspectableStore) -> None:
        """What a refused call had reserved is free again, and it can be announced anew."""
        grant = await running(store)
        await pay(store, grant)

        answer = await write(store, lapsed(grant.token))

        assert answer == StepAnswer(verdict=V.LAPSED)
        assert await purse_of(store) == Purse(budget=TWO)
        assert await pay(store, grant, name="again") is V.OPENED

    async def test_a_call_that_was_cut_off_is_charged(self, store: InspectableStore) -> None:
        """What was seen of an answer is spent, told, and counted once."""
        grant = await running(store)
        await pay(store, grant)

        await write(store, lapsed(grant.token, charge=USED))
        await write(store, lapsed(grant.token, charge=USED))

        assert (await purse_of(store)).spent == USED
        assert (await kinds(store, "s")).count("step.lapsed") == 1

    async def test_a_lost_attempt_has_spent_what_it_reserved(self, store: InspectableStore) -> None:
        """Whoever vanished may have made the call: it counts, and is shown as lost."""
        grant = await running(store)
        await pay(store, grant)

        await store.leases.reclaim(WorkerId("w1"))

        assert await purse_of(store) == Purse(budget=TWO, spent=CALL, lost=CALL)
        told = [event for event in await events(store, "s") if event.kind == "purse.lost"]
        assert [dict(event.data) for event in told] == [{"keys": ["k"], "spent": CALL.as_json()}]

    async def test_a_takeover_reserves_anew(self, store: InspectableStore) -> None:
        """The repeated call needs a reservation of its own beside the lost one."""
        grant = await running(store)
        await pay(store, grant)
        await store.leases.reclaim(WorkerId("w1"))
        again = await claim_one(store)

        assert await pay(store, again, name="i2") is V.OPENED
        assert await purse_of(store) == Purse(
            budget=TWO, spent=CALL, reserved=CALL, lost=CALL, open=1
        )
        await write(store, record(again.token, usage=USED))
        assert (await purse_of(store)).spent == CALL + USED

    async def test_a_fenced_answer_is_not_counted_again(self, store: InspectableStore) -> None:
        """The answer of a lost call is kept, for it is paid for, and settles no other call."""
        grant = await running(store)
        await pay(store, grant)
        await store.leases.reclaim(WorkerId("w1"))
        again = await claim_one(store)
        await pay(store, again, name="i2")

        await write(store, record(grant.token, value="late", usage=USED))

        assert (await purse_of(store)).reserved == CALL
        answer = await write(store, record(again.token, value="mine", usage=USED))
        assert answer.value == '"late"'
        assert await purse_of(store) == Purse(budget=TWO, spent=CALL + USED, lost=CALL)

    async def test_no_attempt_ends_with_a_reservation(self, store: InspectableStore) -> None:
        """Handed back, failed or cancelled: what nobody will settle is spent."""
        grant = await running(store)
        await pay(store, grant)
        await settle(store, HandedBack(), grant)
        again = await claim_one(store)
        await pay(store, again, "k2")

        await settle(store, failed(), again)

        assert await purse_of(store) == Purse(budget=TWO, spent=CALL + CALL, lost=CALL + CALL)

    async def test_a_cancelled_swarm_keeps_no_reservation(self, store: InspectableStore) -> None:
        """Cancelling counts every call under way as spent."""
        await submit(store, "s", task("a"), task("b"), budget=TWO)
        for grant in await claim(store):
            await pay(store, grant)

        await steer(store, "s", SwarmMove.CANCEL)

        assert await purse_of(store) == Purse(budget=TWO, spent=CALL + CALL, lost=CALL + CALL)
        told = [kind for kind in await kinds(store, "s") if kind == "purse.lost"]
        assert told == ["purse.lost"] * len(("a", "b"))

    async def test_an_unknown_call_is_spent(self, store: InspectableStore) -> None:
        """A call of class once that is announced anew was perhaps made: it counts."""
        grant = await running(store)
        await write(store, intent(grant.token, effect=Effect.ONCE, reserve=CALL))

        answer = await write(store, intent(grant.token, effect=Effect.ONCE, name="i2"))

        assert answer.verdict is V.UNKNOWN
        assert (await purse_of(store)).lost == CALL


class RaisingContract:
    """Orders about the purse: raise, finish, and what they let go on."""

    async def test_a_raised_budget_lets_the_swarm_go_on(self, store: InspectableStore) -> None:
        """A swarm that its purse had paused is active again, and the call fits."""
        grant = await running(store, Budget(requests=0, tokens=500))
        await pay(store, grant)

        status = await steer(store, "s", SwarmMove.RAISE, budget=Budget(requests=1))

        assert status is SwarmStatus.ACTIVE
        assert (await purse_of(store)).budget == Budget(requests=1, tokens=500)
        assert (await kinds(store, "s"))[-2:] == ["purse.raised", "swarm.resumed"]
        assert await pay(store, grant) is V.OPENED

    async def test_a_grant_tells_the_budget_as_it_stands(self, store: InspectableStore) -> None:
        """Who takes a task after a raise goes by the raised limits, and by what was kept."""
        kept = Budget(requests=1, nano_usd=7, kept=Amount(requests=1))
        await submit(store, "s", task("a"), budget=kept)
        await submit(store, "free", task("a"))

        before = {grant.token.swarm: grant.request.budget for grant in await claim(store)}
        await store.leases.reclaim(WorkerId("w1"))
        for swarm in ("s", "free"):
            await steer(store, swarm, SwarmMove.RAISE, budget=Budget(requests=9))
        after = {grant.token.swarm: grant.request.budget for grant in await claim(store)}

        assert before == {"s": kept, "free": None}
        assert after == {
            "s": Budget(requests=9, nano_usd=7, kept=Amount(requests=1)),
            "free": Budget(requests=9),
        }

    async def test_who_was_paused_by_a_person_stays_so(self, store: InspectableStore) -> None:
        """Raising a budget resumes no swarm that somebody paused."""
        await running(store)
        await steer(store, "s", SwarmMove.PAUSE)

        status = await steer(store, "s", SwarmMove.RAISE, budget=Budget(requests=9))

        assert status is SwarmStatus.PAUSED

    async def test_raising_forgives_an_overrun(self, store: InspectableStore) -> None:
        """Somebody has looked: calls are let out again."""
        grant = await running(store, Budget(requests=9))
        await pay(store, grant)
        await write(store, record(grant.token, usage=Amount(requests=2)))

        await steer(store, "s", SwarmMove.RAISE, budget=Budget(requests=9))

        assert await pay(store, grant, "k2") is V.OPENED

    async def test_a_named_order_is_carried_out_once(self, store: InspectableStore) -> None:
        """The same raise by the same command changes nothing the second time."""
        await running(store)
        for _ in range(2):
            await steer(store, "s", SwarmMove.RAISE, budget=Budget(requests=9), command="c")

        assert (await kinds(store, "s")).count("purse.raised") == 1

    async def test_a_raise_needs_a_limit(self, store: InspectableStore) -> None:
        """An order that names no limit is refused."""
        await running(store)

        [answer] = await store.work.steer([order("s", SwarmMove.RAISE)])

        assert isinstance(answer, InvalidInput)

    async def test_finishing_runs_only_the_last_tasks(self, store: InspectableStore) -> None:
        """What others wait for is cancelled, and the end of the plan works with what there is."""
        plan = (task("a"), task("b"), task("c", "a"), task("end", "b", "c"))
        kept = Budget(requests=1, kept=Amount(requests=1))
        await submit(store, "s", *plan, budget=kept)
        a, b = await claim(store)
        await succeed(store, b)
        assert await pay(store, a) is V.EMPTY

        status = await steer(store, "s", SwarmMove.CUT_SHORT)

        assert status is SwarmStatus.ACTIVE
        cancelled = TaskStatus.CANCELLED
        assert await statuses(store, "s") == {
            "a": cancelled,
            "b": TaskStatus.SUCCEEDED,
            "c": cancelled,
            "end": TaskStatus.READY,
        }
        end = await claim_one(store)
        assert await pay(store, end) is V.OPENED
        await write(store, record(end.token))
        await succeed(store, end)
        assert await status_of(store, "s") is SwarmStatus.COMPLETED

    async def test_finishing_seals_an_open_plan(self, store: InspectableStore) -> None:
        """A swarm that is to finish takes no more tasks, and ends when nothing is left."""
        await submit(store, "s", task("a"), sealed=False)
        await succeed(store, await claim_one(store))

        status = await steer(store, "s", SwarmMove.CUT_SHORT)

        assert status is SwarmStatus.COMPLETED

    async def test_a_purse_reads_the_same_everywhere(self, store: InspectableStore) -> None:
        """A list of swarms shows the purses that each of them shows, to the last digit."""
        grant = await running(store, Budget(requests=7, tokens=10**15, nano_usd=10**15))
        await pay(store, grant)
        await write(store, record(grant.token, usage=USED))

        [listed] = await store.registry.swarms()

        assert listed.purse == await purse_of(store)
        assert listed.request.budget == Budget(requests=7, tokens=10**15, nano_usd=10**15)
