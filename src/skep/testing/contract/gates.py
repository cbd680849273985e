"""Gates: what passes in a stretch of time and at once, and what rests and breakers keep out."""

# ruff: noqa: PLR2004 - expected figures are literal

import pytest

from skep.policy.breaker import BREAKER
from skep.records.errors import InvalidInput, LimitExceeded
from skep.records.gate import (
    BOUNDLESS,
    Admitted,
    Gate,
    GateReport,
    Knock,
    KnockAnswer,
    Limits,
    Passage,
    Rate,
    Unit,
    Wait,
    WaitReason,
)
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import knock

TEN = Rate(unit=Unit.REQUESTS, most=10, per_s=10.0)
BY_TOKENS = Rate(unit=Unit.TOKENS, most=100, per_s=10.0)
TWO_AT_ONCE = Limits(at_once=2)


async def ask(store: InspectableStore, *knocks: Knock) -> list[KnockAnswer]:
    """Knock."""
    return list(await store.gates.admit(knocks))


async def admitted(store: InspectableStore, *knocks: Knock) -> list[bool]:
    """Knock, and say of each whether it may go at once."""
    return [answer == Admitted(wait_s=0.0) for answer in await ask(store, *knocks)]


async def tell(
    store: InspectableStore,
    passage: Passage = Passage.OK,
    *,
    gate: str = "g",
    name: str = "",
    times: int = 1,
    successes: int = 0,
) -> None:
    """Tell what came of a request, once or of several."""
    told = GateReport(gate=gate, passage=passage, id=name, successes=successes)
    await store.gates.report([told] * times)


async def gate_of(store: InspectableStore, name: str = "g") -> Gate:
    """Read one gate."""
    return {each.name: each for each in await store.gates.read()}[name]


class RatesContract:
    """Invariant 41 Gates: in no stretch of a rate do more pass than it says."""

    async def test_no_stretch_holds_more_than_the_rate(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """However often somebody knocks, no ten seconds see more than ten requests."""
        passed: list[float] = []
        for number in range(900):
            if (await admitted(store, knock(f"k{number}", rates=[TEN]))) == [True]:
                passed.append(clock.now())
            clock.advance(0.05)

        at_most = max(sum(at <= each < at + 10.0 for each in passed) for at in passed)
        assert at_most <= 10
        assert len(passed) >= 40, "of 45 that the rate would let through"

    async def test_a_turn_that_is_near_is_given_ahead(self, store: InspectableStore) -> None:
        """Who has the patience is told how long to wait, each behind the one before."""
        answers = await ask(
            store, *(knock(f"k{number}", rates=[TEN], patience_s=3.0) for number in range(4))
        )

        waits = [round(each.wait_s, 3) for each in answers if isinstance(each, Admitted)]
        assert waits == [0.0, 1.05, 2.1]
        assert isinstance(answers[3], Wait)

    async def test_those_who_wait_are_promised_turns_one_after_the_other(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """They knock again at different times, and each one then has its turn."""
        rates = [TEN]
        await ask(store, knock("first", rates=rates))

        answers = await ask(store, *(knock(f"k{number}", rates=rates) for number in range(3)))

        moments = [each.until for each in answers if isinstance(each, Wait)]
        assert [round(until - clock.now(), 3) for until in moments] == [1.05, 2.1, 3.15]
        clock.advance(1.06)
        assert await admitted(store, knock("k0", rates=rates)) == [True]
        assert await admitted(store, knock("k1", rates=rates)) == [False]

    async def test_tokens_are_counted_by_what_they_may_be(self, store: InspectableStore) -> None:
        """A quarter of a limit in tokens may pass at once; what is larger waits for its room."""
        small = [knock(f"k{number}", rates=[BY_TOKENS], tokens=10) for number in range(3)]

        assert await admitted(store, *small) == [True, True, False]
        [answer] = await ask(store, knock("large", rates=[BY_TOKENS], tokens=500))
        assert isinstance(answer, Wait)
        assert answer.reason is WaitReason.TOKENS

    async def test_tokens_that_were_not_used_are_given_back(self, store: InspectableStore) -> None:
        """A request that took less than it might have makes room at once; told again, no more."""
        used = GateReport(gate="g", passage=Passage.OK, id="a", tokens=5)
        await ask(store, knock("a", rates=[BY_TOKENS], tokens=25))
        assert await admitted(store, knock("b", rates=[BY_TOKENS], tokens=10)) == [False]

        await store.gates.report([used, used])

        assert await admitted(store, knock("b", rates=[BY_TOKENS], tokens=10)) == [True]
        assert await admitted(store, knock("c", rates=[BY_TOKENS], tokens=20)) == [False]

    async def test_tokens_beyond_what_was_said_are_counted(self, store: InspectableStore) -> None:
        """A request that took more than it might have leaves less room."""
        await ask(store, knock("a", rates=[BY_TOKENS], tokens=1))

        await store.gates.report([GateReport(gate="g", passage=Passage.OK, id="a", tokens=25)])

        assert await admitted(store, knock("b", rates=[BY_TOKENS], tokens=10)) == [False]

    async def test_the_same_knock_is_the_same_pass(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A knock whose answer was lost costs nothing when it is repeated."""
        rates = [TEN]
        await ask(store, knock("a", rates=rates))
        before = await gate_of(store)
        clock.advance(0.5)

        assert await admitted(store, knock("a", rates=rates)) == [True]

        assert await gate_of(store) == before

    async def test_all_gates_of_a_request_let_it_through_or_none(
        self, store: InspectableStore
    ) -> None:
        """What one gate keeps out costs nothing at the other; the longer wait is answered."""
        limits = Limits(rates=(TEN,))
        both = (("g", limits), ("g:m", limits))
        await ask(store, knock("a", rates=[TEN], gate="g:m"))

        [answer] = await ask(store, knock("b", gates=both))

        assert isinstance(answer, Wait)
        assert answer.gate == "g:m"
        assert (await gate_of(store, "g")).meters == {}
        assert await admitted(store, knock("c", rates=[TEN], gate="g")) == [True]

    async def test_what_makes_no_sense_is_refused(self, store: InspectableStore) -> None:
        """A knock at no gate, without a name, or at a gate twice lets nobody through."""
        twice = (("g", BOUNDLESS), ("g", BOUNDLESS))
        for wrong in (knock("a", gates=()), knock(""), knock("a", gates=twice)):
            with pytest.raises(InvalidInput):
                await store.gates.admit([knock("fine"), wrong])
        with pytest.raises(LimitExceeded):
            await store.gates.admit([knock("a", gate="g" * 201)])
        with pytest.raises(LimitExceeded):
            await store.gates.report([GateReport(gate="g", passage=Passage.OK, rest_s=1e9)])

        assert await store.gates.read() == []


class PlacesContract:
    """Invariant 41 Gates: no more are behind a gate at once than its limits say."""

    async def test_no_more_at_once_than_the_limit(self, store: InspectableStore) -> None:
        """The third waits, and passes when one of the others is back."""
        assert await admitted(
            store, *(knock(f"k{number}", limits=TWO_AT_ONCE) for number in range(3))
        ) == [True, True, False]

        await tell(store, name="k1")

        assert await admitted(store, knock("k2", limits=TWO_AT_ONCE)) == [True]
        assert await admitted(store, knock("k3", limits=TWO_AT_ONCE)) == [False]

    async def test_a_place_is_free_again_when_its_worker_died(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A pass of which nobody tells runs out by itself, and is told of in vain then."""
        one = Limits(at_once=1)
        await ask(store, knock("dead", limits=one, expires_s=60.0))
        clock.advance(59.0)
        assert await admitted(store, knock("k", limits=one)) == [False]
        clock.advance(1.0)

        assert await admitted(store, knock("k", limits=one)) == [True]

        await tell(store, name="dead")
        assert [each.id for each in (await gate_of(store)).passes] == ["k"]

    async def test_those_who_wait_for_a_place_come_back_one_by_one(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Their times follow from how long requests take of late."""
        one = Limits(at_once=1)
        await ask(store, knock("a", limits=one))
        clock.advance(40.0)
        await tell(store, name="a")
        await ask(store, knock("b", limits=one))

        answers = await ask(store, *(knock(f"k{number}", limits=one) for number in range(2)))

        moments = [round(each.until - clock.now(), 3) for each in answers if isinstance(each, Wait)]
        assert moments == [8.0, 16.0]  # 0.8 * 10 s + 0.2 * 40 s, by half of it


class BreakerContract:
    """Invariant 42 Breaker: while it is open nothing passes; then one request finds out."""

    async def trip(self, store: InspectableStore) -> None:
        """Have a gate's requests fail until its breaker opens."""
        await tell(store, Passage.FAILED, times=BREAKER.failures_min)

    async def test_it_opens_after_failures(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """One failure fewer lets requests through, one more keeps them out for a time."""
        await tell(store, Passage.FAILED, times=BREAKER.failures_min - 1)
        assert await admitted(store, knock("a")) == [True]

        await tell(store, Passage.FAILED)

        [answer] = await ask(store, knock("b"))
        until = clock.now() + BREAKER.open_s
        assert answer == Wait(gate="g", reason=WaitReason.BREAKER, until=until)

    async def test_it_stays_closed_while_most_go_well(self, store: InspectableStore) -> None:
        """Failures among many successes, told in one number, are no reason to stop."""
        await tell(store, Passage.FAILED, times=BREAKER.failures_min, successes=9)

        assert await admitted(store, knock("a")) == [True]

    async def test_failures_of_long_ago_do_not_count(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Each stretch of time begins to count anew."""
        await tell(store, Passage.FAILED, times=BREAKER.failures_min - 1)
        clock.advance(BREAKER.window_s)

        await tell(store, Passage.FAILED)

        assert await admitted(store, knock("a")) == [True]

    async def test_one_probe_finds_out(self, store: InspectableStore, clock: ManualClock) -> None:
        """When its time is over one request passes, the others wait, and all do when it is well."""
        await self.trip(store)
        clock.advance(BREAKER.open_s)

        assert await admitted(store, knock("probe"), knock("other")) == [True, False]

        await tell(store, Passage.OK, name="probe")
        assert await admitted(store, knock("other")) == [True]

    async def test_a_probe_that_fails_opens_it_for_longer(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The time doubles with each opening in a row."""
        await self.trip(store)
        for doubled in (2, 4):
            clock.advance(BREAKER.open_s * doubled / 2)
            name = f"probe{doubled}"
            assert await admitted(store, knock(name)) == [True]

            await tell(store, Passage.FAILED, name=name)

            opened = (await gate_of(store)).breaker.open_until - clock.now()
            assert opened == BREAKER.open_s * doubled

    async def test_a_probe_that_died_lets_the_next_one_try(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Nothing is told of it, and after its time another request is the probe."""
        await self.trip(store)
        clock.advance(BREAKER.open_s)
        await ask(store, knock("dead"))
        clock.advance(BREAKER.probe_s - 1.0)
        assert await admitted(store, knock("next")) == [False]
        clock.advance(1.0)

        assert await admitted(store, knock("next")) == [True]

    async def test_a_probe_given_back_lets_the_next_one_try(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A probe that was never made says nothing, and is free at once."""
        await self.trip(store)
        clock.advance(BREAKER.open_s)
        await ask(store, knock("stopped"))

        await tell(store, Passage.UNTOLD, name="stopped")

        assert await admitted(store, knock("next"), knock("other")) == [True, False]

    async def test_a_pass_is_told_of_once(self, store: InspectableStore) -> None:
        """A report whose answer was lost is not counted again, nor one of a pass that never was."""
        await ask(store, knock("a"))

        await tell(store, Passage.FAILED, name="a", times=BREAKER.failures_min)
        await tell(store, Passage.FAILED, name="never", times=BREAKER.failures_min)

        assert (await gate_of(store)).breaker.failed == 1

    async def test_who_began_before_does_not_count(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What comes of requests from before the opening neither closes it nor prolongs it."""
        await ask(store, knock("good"), knock("bad"))
        await self.trip(store)
        before = (await gate_of(store)).breaker
        clock.advance(1.0)

        await tell(store, Passage.OK, name="good")
        await tell(store, Passage.FAILED, name="bad")
        await tell(store, Passage.FAILED)

        assert (await gate_of(store)).breaker == before


class RestsContract:
    """Invariant 43 Rest: a provider is left alone until the time it said."""

    async def rest(self, store: InspectableStore, rest_s: float, gate: str = "g") -> None:
        """Tell that a provider wants to be left alone."""
        told = GateReport(gate=gate, passage=Passage.LIMITED, rest_s=rest_s)
        await store.gates.report([told])

    async def test_nobody_passes_until_then(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """All workers wait for the same moment, and not a moment longer."""
        await self.rest(store, 20.0)

        [answer] = await ask(store, knock("a"))

        until = clock.now() + 20.0
        assert answer == Wait(gate="g", reason=WaitReason.REST, until=until)
        clock.advance(20.0)
        assert await admitted(store, knock("a")) == [True]

    async def test_a_shorter_word_does_not_shorten_it(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Of several words the latest time stands: they may be of several limits."""
        await self.rest(store, 20.0)
        await self.rest(store, 1.0)
        clock.advance(2.0)

        assert await admitted(store, knock("a")) == [False]

    async def test_a_provider_that_rests_keeps_out_all_its_models(
        self, store: InspectableStore
    ) -> None:
        """A request knocks at both gates; the other provider's pass."""
        await self.rest(store, 20.0, gate="p")

        one, other = await ask(
            store,
            knock("a", gates=(("p", BOUNDLESS), ("p:m", BOUNDLESS))),
            knock("b", gates=(("q", BOUNDLESS), ("q:m", BOUNDLESS))),
        )

        assert isinstance(one, Wait)
        assert one.gate == "p"
        assert other == Admitted(wait_s=0.0)

    async def test_who_waits_for_a_rest_is_promised_nothing(self, store: InspectableStore) -> None:
        """A gate that is shut keeps no list of turns."""
        await self.rest(store, 20.0)
        before = await gate_of(store)

        await ask(store, *(knock(f"k{number}", rates=[TEN]) for number in range(9)))

        assert await gate_of(store) == before

    async def test_a_person_reopens_a_gate(self, store: InspectableStore) -> None:
        """The rest and the breaker are forgotten; a gate that nobody knows is none."""
        await self.rest(store, 20.0)
        await tell(store, Passage.FAILED, times=BREAKER.failures_min)

        assert await store.gates.reopen(["g", "ghost"]) == [True, False]

        assert await admitted(store, knock("a")) == [True]
        assert [each.name for each in await store.gates.read()] == ["g"]

    async def test_what_gates_know_outlives_a_process(self, store: InspectableStore) -> None:
        """The next process reads what the last one told, to the letter."""
        await self.rest(store, 20.125)
        await ask(store, knock("a", limits=Limits(rates=(TEN, BY_TOKENS), at_once=3), gate="h"))
        await tell(store, Passage.FAILED, gate="h", name="a")

        assert await store.gates.read() == (await store.dump()).gates
        assert [each.name for each in await store.gates.read()] == ["g", "h"]
