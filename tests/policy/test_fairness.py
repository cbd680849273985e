"""Shares are exact, nobody starves, and no deal goes beyond room, ready tasks or limit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skep.policy.fairness import (
    QUANTUM_MAX,
    STRIDE,
    VISITS,
    WEIGHTS,
    Deal,
    Ring,
    Seat,
    deal,
    entry_vt,
    quantum_of,
    stride_of,
)
from skep.records.ids import SwarmId

MANY = 10_000


def seat(swarm: str, **fields: int) -> Seat:
    """Make a seat with plenty of work."""
    wide = {"vt": 0, "priority": 5, "ready": MANY, "room": MANY} | fields
    return Seat(
        swarm=SwarmId(swarm),
        vt=wide["vt"],
        priority=wide["priority"],
        ready=wide["ready"],
        room=wide["room"],
    )


def ring(*seats: Seat, lane: str = "lane", turn: int = 0) -> Ring:
    """Make a ring."""
    return Ring(lane=lane, floor=0, turn=turn, seats=seats)


@st.composite
def rings(draw: st.DrawFn) -> list[Ring]:
    """Draw up to three rings of up to five seats; a swarm has the same room in each."""
    rooms = [draw(st.integers(0, 6)) for _ in range(5)]
    priorities = [draw(st.integers(0, 9)) for _ in range(5)]
    return [
        Ring(
            lane=f"l{number}",
            floor=0,
            turn=draw(st.integers(0, 3)),
            seats=[
                Seat(
                    swarm=SwarmId(f"s{place}"),
                    vt=draw(st.integers(0, 3 * STRIDE)),
                    priority=priorities[place],
                    ready=draw(st.integers(1, 6)),
                    room=rooms[place],
                )
                for place in draw(st.sets(st.integers(0, 4)))
            ],
        )
        for number in range(draw(st.integers(0, 3)))
    ]


def served(dealt: Deal) -> Counter[str]:
    """Count what each swarm got."""
    return Counter(swarm for _, swarm in dealt.served)


@given(rings(), st.integers(0, 40))
def test_a_deal_stays_within_bounds(given_rings: list[Ring], limit: int) -> None:
    """Never over the limit, a swarm's room, or the ready tasks of a seat."""
    dealt = deal(given_rings, limit=limit)

    by_seat, by_swarm = Counter(dealt.served), served(dealt)
    assert len(dealt.served) <= limit
    for each in given_rings:
        for one in each.seats:
            assert by_seat[each.lane, one.swarm] <= one.ready
            assert by_swarm[one.swarm] <= one.room


@given(rings(), st.integers(1, 40))
def test_a_deal_leaves_nothing_it_could_give(given_rings: list[Ring], limit: int) -> None:
    """When the limit was not reached, no seat is left with work and room."""
    dealt = deal(given_rings, limit=limit)

    if len(dealt.served) < limit:
        by_seat, by_swarm = Counter(dealt.served), served(dealt)
        for each in given_rings:
            for one in each.seats:
                has_work = by_seat[each.lane, one.swarm] < one.ready
                assert not (has_work and by_swarm[one.swarm] < one.room)


@given(rings(), st.integers(0, 40))
def test_what_is_stored_follows_from_what_was_served(given_rings: list[Ring], limit: int) -> None:
    """Times grow by a stride for each task, floors never pass them, turns grow."""
    dealt = deal(given_rings, limit=limit)

    seats = {(each.lane, one.swarm): one for each in given_rings for one in each.seats}
    for place, number in Counter(dealt.served).items():
        one = seats[place]
        assert dealt.vts[place] == one.vt + number * stride_of(one.priority)
    assert dealt.floors.keys() == dealt.turns.keys() == {lane for lane, _ in dealt.served}
    turns = {each.lane: each.turn for each in given_rings}
    assert all(turn > turns[lane] for lane, turn in dealt.turns.items())


@given(rings(), st.integers(0, VISITS - 1), st.integers(0, VISITS - 1))
def test_two_deals_are_one(given_rings: list[Ring], first: int, second: int) -> None:
    """Serving in two calls gives the tasks that one call gives, while each visit serves one."""
    whole = deal(given_rings, limit=first + second)

    one = deal(given_rings, limit=first)
    two = deal(after(given_rings, one), limit=second)

    assert Counter((*one.served, *two.served)) == Counter(whole.served)


def after(given_rings: list[Ring], dealt: Deal) -> list[Ring]:
    """Carry a deal out on its rings."""
    by_seat, by_swarm = Counter(dealt.served), served(dealt)
    return [
        replace(
            each,
            turn=dealt.turns.get(each.lane, each.turn),
            floor=dealt.floors.get(each.lane, each.floor),
            seats=[
                replace(
                    one,
                    vt=dealt.vts.get((each.lane, one.swarm), one.vt),
                    ready=one.ready - by_seat[each.lane, one.swarm],
                    room=one.room - by_swarm[one.swarm],
                )
                for one in each.seats
                if one.ready > by_seat[each.lane, one.swarm] and one.room > by_swarm[one.swarm]
            ],
        )
        for each in given_rings
    ]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10), st.integers(1, 400))
def test_shares_are_exact_to_one_quantum(priorities: list[int], limit: int) -> None:
    """At any moment each swarm's share is within a quantum of its weight's part, both ways.

    A quantum is one task in every claim for fewer than 32.
    """
    seats = [seat(f"s{place}", priority=priority) for place, priority in enumerate(priorities)]

    counts = served(deal([ring(*seats)], limit=limit))

    # In units of virtual time no seat is a quantum ahead of another that has work.
    times = [
        (counts[one.swarm] * stride_of(one.priority), stride_of(one.priority)) for one in seats
    ]
    least = min(time for time, _ in times)
    assert all(time - quantum_of(limit) * stride <= least for time, stride in times)


def dealt_out(lane: Ring, sizes: Sequence[int]) -> Ring:
    """Deal from one lane, claim after claim; gives it as it is afterwards."""
    for size in sizes:
        [lane] = after([lane], deal([lane], limit=size))
    return lane


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10), st.lists(st.integers(1, 64)))
def test_shares_stay_exact_over_claims_of_any_size(priorities: list[int], sizes: list[int]) -> None:
    """However claims follow each other, nobody is ever more than the largest quantum ahead."""
    seats = [seat(f"s{place}", priority=priority) for place, priority in enumerate(priorities)]

    lane = dealt_out(ring(*seats), sizes)

    least = min(one.vt for one in lane.seats)
    assert all(one.vt - QUANTUM_MAX * stride_of(one.priority) <= least for one in lane.seats)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=10), st.sampled_from([1, 2 * VISITS - 1, 64])
)
def test_nobody_starves(priorities: list[int], size: int) -> None:
    """Each swarm is served within the time in which the others use up a quantum of its strides."""
    seats = [seat(f"s{place}", priority=priority) for place, priority in enumerate(priorities)]
    least = min(WEIGHTS[priority] for priority in priorities)
    bound = sum(-(-WEIGHTS[priority] // least) + 1 for priority in priorities)
    claims, rest = divmod(quantum_of(size) * bound, size)

    lane = dealt_out(ring(*seats), [*[size] * claims, rest])

    assert all(one.vt > 0 for one in lane.seats)


def test_a_full_round_is_shared_by_weight() -> None:
    """Over a round of all weights each swarm gets exactly its weight."""
    seats = [seat(f"s{priority}", priority=priority) for priority in (1, 3, 5)]
    total = sum(WEIGHTS[priority] for priority in (1, 3, 5))

    counts = served(deal([ring(*seats)], limit=total))

    assert [counts[f"s{priority}"] for priority in (1, 3, 5)] == [2, 4, 8]


def test_lanes_are_served_in_turn() -> None:
    """The lane that waited longest comes first."""
    lanes = [ring(seat("a"), lane="x", turn=7), ring(seat("b"), lane="y", turn=3)]

    assert [lane for lane, _ in deal(lanes, limit=4).served] == ["y", "x", "y", "x"]


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_seat_enters_no_earlier_than_the_floor(own: int, floor: int) -> None:
    """Coming back neither catches up nor falls behind."""
    assert entry_vt(own=own, floor=floor) == max(own, floor)
