"""The elector: who leads believes it only as long as it may, and hands over when it leaves."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from skep.drivers.memory import MemoryStore
from skep.drivers.memory.terms import MemoryTerms
from skep.hive.election import Elector
from skep.records.errors import InvalidInput, StoreUnavailable
from skep.records.ids import WorkerId
from skep.records.leadership import Leadership, Mandate
from skep.settings import read_settings
from skep.testing.chance import SeededChance
from skep.testing.clock import ImpatientClock, ManualClock

ANN, BOB = WorkerId("ann"), WorkerId("bob")
LEASE_S = 30.0


def elector(
    store: MemoryStore, clock: ManualClock, node: WorkerId = ANN, terms: MemoryTerms | None = None
) -> Elector:
    """An elector for a node."""
    chosen = terms or store.terms
    return Elector(chosen, clock, SeededChance(1), node=node, lease_s=LEASE_S)


class Mute(MemoryTerms):
    """Elections whose answers are lost from some moment on."""

    def __init__(self, terms: MemoryTerms) -> None:
        super().__init__(terms._desk)
        self.is_cut_off = False

    @override
    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """Campaign, and perhaps lose the answer."""
        answer = await super().campaign(node, lease_s=lease_s, seen=seen)
        return self._heard(answer)

    @override
    async def renew(self, mandate: Mandate, *, lease_s: float) -> Leadership:
        """Reach the store or not."""
        if self.is_cut_off:
            raise StoreUnavailable
        return await super().renew(mandate, lease_s=lease_s)

    def _heard(self, answer: Leadership) -> Leadership:
        if self.is_cut_off:
            raise StoreUnavailable
        return answer


async def ticked(clock: ManualClock, electors: Sequence[Elector], *, times: int) -> None:
    """Let a second pass and everybody tick, so many times."""
    for _ in range(times):
        clock.advance(1.0)
        for each in electors:
            await each.tick()


async def test_the_first_of_two_leads_and_renews(store: MemoryStore, clock: ManualClock) -> None:
    """Ten leases later the same node leads, in the same term."""
    ann, bob = elector(store, clock), elector(store, clock, BOB)
    await ann.tick()

    await ticked(clock, [bob, ann], times=300)

    assert (ann.is_leader, bob.is_leader) == (True, False)
    assert ann.mandate == Mandate(incarnation=store.incarnation, node=ANN, term=1)
    assert bob.stands is not None
    assert bob.stands.node == ANN


async def test_a_lease_is_renewed_at_a_third(store: MemoryStore, clock: ManualClock) -> None:
    """Before that the store is not asked, and the next look is due then."""
    ann = elector(store, clock)
    await ann.tick()
    clock.advance(9.0)
    await ann.tick()
    first = await store.terms.read()

    assert ann.pause_s() == pytest.approx(LEASE_S / 9)
    clock.advance(1.0)
    await ann.tick()

    renewed = await store.terms.read()
    assert first is not None
    assert renewed is not None
    assert renewed.expires_at - first.expires_at == 10.0


async def test_who_cannot_renew_stops_before_another_may_begin(
    store: MemoryStore, clock: ManualClock
) -> None:
    """By its own clock it leads for two thirds of a lease, whatever the store would say."""
    mute = Mute(store.terms)
    ann, bob = elector(store, clock, terms=mute), elector(store, clock, BOB)
    await ann.tick()
    mute.is_cut_off = True

    moments = dict[str, float]()
    began = clock.monotonic()
    while "second" not in moments:
        await ticked(clock, [ann, bob], times=1)
        if not ann.is_leader:
            moments.setdefault("first", clock.monotonic() - began)
        if bob.is_leader:
            moments["second"] = clock.monotonic() - began

    assert moments == {"first": 20.0, "second": 30.0}


async def test_a_leader_that_was_away_leads_again_while_nobody_was_elected(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Its term goes on, for nobody opened another one."""
    mute = Mute(store.terms)
    ann = elector(store, clock, terms=mute)
    await ann.tick()
    mute.is_cut_off = True
    await ticked(clock, [ann], times=100)
    assert not ann.is_leader

    mute.is_cut_off = False
    await ann.tick()

    assert ann.mandate is not None
    assert ann.mandate.term == 1


async def test_a_leader_that_was_succeeded_learns_it_with_its_next_word(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Its renewal is refused, it campaigns anew, and is told who leads."""
    ann, bob = elector(store, clock), elector(store, clock, BOB)
    await ann.tick()
    clock.advance(LEASE_S)
    await bob.tick()
    assert (ann.is_leader, bob.is_leader) == (False, True)

    await ann.tick()
    await ann.tick()

    assert not ann.is_leader
    assert ann.stands is not None
    assert (ann.stands.node, ann.stands.term) == (BOB, 2)


async def test_an_election_whose_answer_was_lost_is_held_again(
    store: MemoryStore, clock: ManualClock
) -> None:
    """The node that won without knowing it wins the next term as well."""
    mute = Mute(store.terms)
    ann = elector(store, clock, terms=mute)
    mute.is_cut_off = True
    await ann.tick()
    assert not ann.is_leader

    mute.is_cut_off = False
    await ann.tick()

    assert ann.mandate is not None
    assert ann.mandate.term == 2


async def test_a_store_that_lost_its_memory_goes_on_above_the_terms_that_were_seen(
    store: MemoryStore, clock: ManualClock
) -> None:
    """A candidate that saw term 4 and meets an empty store begins term 5."""
    for _ in range(4):
        await store.terms.campaign(BOB, lease_s=LEASE_S)
    ann = elector(store, clock)
    await ann.tick()
    store._desk.tables.leadership = None  # pyright: ignore[reportPrivateUsage] - as a flush does

    await ann.tick()

    assert ann.mandate is not None
    assert ann.mandate.term == 5


async def test_who_leaves_hands_over_at_once(store: MemoryStore) -> None:
    """Leaving resigns, so nobody waits for the lease to run out."""
    clock = ImpatientClock()

    async with elector(store, clock) as ann:
        assert await ann.tick()

    left = await store.terms.read()
    assert left is not None
    assert left.is_resigned
    assert not ann.is_leader
    assert await elector(store, clock, BOB).tick()


async def test_a_write_that_was_refused_ends_the_leadership(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Who hears of it deposes the elector, of this mandate and of no other."""
    ann = elector(store, clock)
    await ann.tick()
    mandate = ann.mandate
    assert mandate is not None

    ann.depose(Mandate(incarnation="another", node=ANN, term=1))
    assert ann.is_leader
    ann.depose(mandate)

    assert not ann.is_leader


@pytest.mark.parametrize(("told", "lease_s"), [("", 30.0), ("1s", 1.0), ("2m", 120.0)])
def test_the_lease_is_told_by_a_variable(
    told: str, lease_s: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SKEP_LEADER_LEASE is a length of time; without it a leader leads for half a minute."""
    monkeypatch.setenv("SKEP_LEADER_LEASE", told)

    assert read_settings(folder=tmp_path).leader_lease_s == lease_s


@pytest.mark.parametrize("told", ["soon", "0", "0.01s", "1h"])
def test_a_lease_out_of_bounds_is_refused(
    told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error names the variable."""
    monkeypatch.setenv("SKEP_LEADER_LEASE", told)

    with pytest.raises(InvalidInput, match="SKEP_LEADER_LEASE"):
        _ = read_settings(folder=tmp_path).leader_lease_s
