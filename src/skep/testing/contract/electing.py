"""Elections: terms that only grow, leases by the store's clock, and mandates that are checked."""

# ruff: noqa: PLR2004 - expected figures are literal

from dataclasses import replace

import pytest

from skep.policy.election import TERM_MAX
from skep.records.errors import InvalidInput, LimitExceeded, StaleTerm
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate
from skep.records.limits import DUTY_RESULT_CHARS_MAX
from skep.testing.acts import claim_one, submit
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.samples import task

ANN, BOB = WorkerId("ann"), WorkerId("bob")
LEASE_S = 30.0


async def campaign(
    store: InspectableStore, node: WorkerId = ANN, *, lease_s: float = LEASE_S, seen: int = 0
) -> Leadership:
    """Campaign."""
    return await store.terms.campaign(node, lease_s=lease_s, seen=seen)


async def is_refused(store: InspectableStore, mandate: Mandate) -> bool:
    """Say whether each write of a leader is refused under this mandate."""
    writes = (
        lambda: store.terms.renew(mandate, lease_s=LEASE_S),
        lambda: store.terms.note(mandate, DutyRun(duty="d", node=mandate.node, term=1)),
        lambda: store.leases.sweep(mandate=mandate),
        lambda: store.leases.reconcile(mandate=mandate),
    )
    refused = 0
    for write in writes:
        try:
            await write()
        except StaleTerm:
            refused += 1
    assert refused in (0, len(writes)), "either all of them are, or none"
    return refused == len(writes) and not await store.terms.resign(mandate)


class ElectionContract:
    """Invariant 14 Term: it grows strictly, and who leads in it does not change."""

    async def test_nobody_leads_before_the_first_election(self, store: InspectableStore) -> None:
        """A store that nobody campaigned in has no leader, and no duty was done in it."""
        assert await store.terms.read() is None
        assert list(await store.terms.duties()) == []

    async def test_the_first_who_campaigns_leads(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """It leads in term 1, from now to the end of its lease."""
        won = await campaign(store)

        assert (won.node, won.term, won.is_mine, won.is_held) == (ANN, 1, True, True)
        assert (won.since, won.expires_at) == (clock.now(), clock.now() + LEASE_S)
        assert won.mandate == Mandate(incarnation=store.incarnation, node=ANN, term=1)
        assert await store.terms.read() == replace(won, is_mine=False)

    async def test_who_campaigns_while_another_leads_learns_who_it_is(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The leadership stands as it was, and is not the candidate's."""
        won = await campaign(store)
        clock.advance(LEASE_S / 2)

        answer = await campaign(store, BOB)

        assert answer == replace(won, is_mine=False)
        assert not await is_refused(store, won.mandate)

    async def test_a_lease_that_ran_out_lets_another_one_lead(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """At the end of the lease, and no sooner, the next campaign opens the next term."""
        first = await campaign(store)
        clock.advance(LEASE_S - 0.5)
        assert not (await campaign(store, BOB)).is_mine
        clock.advance(0.5)

        second = await campaign(store, BOB)

        assert (second.node, second.term, second.is_mine) == (BOB, 2, True)
        assert await is_refused(store, first.mandate)

    async def test_a_leader_that_campaigns_again_begins_the_next_term(
        self, store: InspectableStore
    ) -> None:
        """It is another life of the leader, or was not answered: what the first does is refused."""
        first = await campaign(store)

        again = await campaign(store)

        assert (again.term, again.is_mine) == (2, True)
        assert await is_refused(store, first.mandate)
        assert not await is_refused(store, again.mandate)

    async def test_who_resigns_is_followed_at_once(self, store: InspectableStore) -> None:
        """The lease need not run out, the mandate is void, and a repeated resignation is idle."""
        first = await campaign(store)

        assert await store.terms.resign(first.mandate)

        left = await store.terms.read()
        assert left is not None
        assert (left.is_resigned, left.is_held) == (True, False)
        assert await is_refused(store, first.mandate)
        assert (await campaign(store, BOB)).term == 2

    async def test_a_term_begins_after_all_that_its_leader_has_seen(
        self, store: InspectableStore
    ) -> None:
        """A candidate that remembers a higher term than the store does is believed."""
        assert (await campaign(store, seen=41)).term == 42
        assert (await campaign(store, seen=7)).term == 43

    async def test_terms_outlive_a_crash(
        self, store: InspectableStore, harness: Harness, clock: ManualClock
    ) -> None:
        """Whoever opens the store again finds the leader, and then the next term."""
        first = await campaign(store)

        left = await harness.crash()

        assert (await left.terms.read()) == replace(first, is_mine=False)
        assert not (await campaign(left, BOB)).is_mine
        clock.advance(LEASE_S)
        assert (await campaign(left, BOB)).term == 2

    @pytest.mark.parametrize("lease_s", [0.0, -1.0, float("inf"), float("nan"), 601.0])
    async def test_a_lease_has_bounds(self, store: InspectableStore, lease_s: float) -> None:
        """A lease that nobody could keep, or that would never end, is refused."""
        won = await campaign(store)

        with pytest.raises(InvalidInput):
            await campaign(store, BOB, lease_s=lease_s)
        with pytest.raises(InvalidInput):
            await store.terms.renew(won.mandate, lease_s=lease_s)

    @pytest.mark.parametrize(("node", "seen"), [("", 0), ("a\0b", 0), ("a", -1), ("a", TERM_MAX)])
    async def test_a_candidate_has_a_name_and_a_past(
        self, store: InspectableStore, node: str, seen: int
    ) -> None:
        """A name that is none, or a term that no store can count to, is refused."""
        with pytest.raises(InvalidInput):
            await campaign(store, WorkerId(node), seen=seen)
        assert await store.terms.read() is None


class LeaderLeaseContract:
    """Invariant 14 Term: leases are judged by the store's clock, and no write is."""

    async def test_a_renewal_moves_the_end_of_the_lease(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """It ends a lease from now; term and beginning stay."""
        won = await campaign(store)
        clock.advance(20)

        renewed = await store.terms.renew(won.mandate, lease_s=10.0)

        assert renewed == replace(won, expires_at=clock.now() + 10.0, lease_s=10.0)

    async def test_a_late_renewal_counts_while_nobody_was_elected(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Expiry alone revokes nothing: the lease stands again, in the same term."""
        won = await campaign(store)
        clock.advance(10 * LEASE_S)
        ended = await store.terms.read()
        assert ended is not None
        assert not ended.is_held
        assert not await is_refused(store, won.mandate)

        renewed = await store.terms.renew(won.mandate, lease_s=LEASE_S)

        assert (renewed.term, renewed.is_held, renewed.is_mine) == (1, True, True)
        assert not (await campaign(store, BOB)).is_mine

    async def test_a_clock_set_back_keeps_nobody_from_being_elected(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A deadline further away than two leases was written before, and counts as over."""
        first = await campaign(store)
        clock.turn(-3600)

        second = await campaign(store, BOB)

        assert (second.is_mine, second.term) == (True, 2)
        assert await is_refused(store, first.mandate)

    async def test_a_clock_set_back_a_little_ends_no_lease(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A correction of less than a lease makes the lease longer, and no more."""
        await campaign(store)
        clock.turn(-LEASE_S / 2)

        assert not (await campaign(store, BOB)).is_mine
        clock.advance(1.5 * LEASE_S)
        assert (await campaign(store, BOB)).is_mine


class MandateContract:
    """Invariant 14 Term: a leader's write under another term is refused by the operation itself."""

    async def test_a_mandate_of_another_life_or_node_is_refused(
        self, store: InspectableStore
    ) -> None:
        """Each part of the mandate counts: the life of the store, the node and the term."""
        held = (await campaign(store)).mandate
        forged = [
            replace(held, incarnation="another"),
            replace(held, node=BOB),
            replace(held, term=held.term + 1),
            replace(held, term=held.term - 1),
        ]

        assert [await is_refused(store, each) for each in forged] == [True] * 4
        assert not await is_refused(store, held)

    async def test_no_mandate_holds_where_nobody_was_elected(self, store: InspectableStore) -> None:
        """A store without an election lets nobody write as its leader."""
        mandate = Mandate(incarnation=store.incarnation, node=ANN, term=1)

        assert await is_refused(store, mandate)
        assert await store.terms.read() is None

    async def test_a_refusal_says_both_terms(self, store: InspectableStore) -> None:
        """Who is refused learns which term it acted in, and which one it is."""
        first = await campaign(store)
        await campaign(store)

        with pytest.raises(StaleTerm) as refused:
            await store.terms.note(first.mandate, DutyRun(duty="d", node=ANN, term=1))

        assert (refused.value.term, refused.value.current) == (1, 2)
        assert list(await store.terms.duties()) == []

    async def test_a_refused_sweep_does_nothing(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What is due stays due, until somebody does it without a mandate or under the right."""
        await submit(store, "s", task("a"))
        await claim_one(store)
        stale = (await campaign(store)).mandate
        current = (await campaign(store, seen=1)).mandate
        clock.advance(3600)

        with pytest.raises(StaleTerm):
            await store.leases.sweep(mandate=stale)

        assert (await store.leases.sweep(mandate=current)).lost == 1

    async def test_a_refused_rebuilding_mends_nothing(self, store: InspectableStore) -> None:
        """Queues that were lost stay so, until somebody mends them who may."""
        await submit(store, "s", task("a"), task("b"))
        stale = (await campaign(store)).mandate
        current = (await campaign(store, seen=1)).mandate
        await store.forget_queues()

        with pytest.raises(StaleTerm):
            await store.leases.reconcile(mandate=stale)

        assert await store.leases.reconcile(mandate=current) == 1

    async def test_the_last_run_of_a_duty_is_kept(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """One line for each duty, by name, with the node and term of its mandate and the time."""
        mandate = (await campaign(store)).mandate
        claimed = DutyRun(duty="sweep", node=BOB, term=9, result="7")
        await store.terms.note(mandate, claimed)
        await store.terms.note(mandate, DutyRun(duty="a", node=ANN, term=1, result='ö "x"'))
        clock.advance(5)

        await store.terms.note(mandate, replace(claimed, result="broken", is_failure=True))

        first, second = await store.terms.duties()
        assert (first.duty, first.result, first.at) == ("a", 'ö "x"', clock.now() - 5)
        assert second == DutyRun(
            duty="sweep", node=ANN, term=1, result="broken", is_failure=True, at=clock.now()
        )

    async def test_words_about_a_duty_have_bounds(self, store: InspectableStore) -> None:
        """What is too long, or cannot be stored, is refused, and nothing is kept."""
        mandate = (await campaign(store)).mandate
        run = DutyRun(duty="d", node=ANN, term=1)

        with pytest.raises(LimitExceeded):
            await store.terms.note(mandate, replace(run, result="x" * (DUTY_RESULT_CHARS_MAX + 1)))
        for wrong in (replace(run, result="\0"), replace(run, duty="")):
            with pytest.raises(InvalidInput):
                await store.terms.note(mandate, wrong)

        assert list(await store.terms.duties()) == []
