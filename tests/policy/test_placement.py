"""Placement: whoever is chosen, nobody who fits comes before it, and everybody has their turn."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skep.policy.placement import LOOKED_MAX, choose, may_take, rebalance
from skep.records.ids import SwarmId
from skep.records.limits import SHIFT_MAX
from skep.records.placement import (
    Candidate,
    Choice,
    Distribution,
    Placement,
    choice_from,
    choice_json,
)
from skep.records.sharing_errors import NoSwarmFits
from skep.testing.samples import distribution

SKILLS = ("backend", "gpu", "text")
ROUNDS = 3
ROUNDS_MAX = 1_000

skills = st.frozensets(st.sampled_from(SKILLS))


def asking(placement: Placement, needs: frozenset[str]) -> Distribution:
    """Ask for a task."""
    return distribution(*needs, placement=placement)


asks = st.builds(asking, st.sampled_from(list(Placement)), skills)


@st.composite
def fleets(draw: st.DrawFn) -> list[Candidate]:
    """Make open swarms of every kind, in any order."""
    names = draw(st.lists(st.integers(0, 40).map("s{:02}".format), min_size=1, unique=True))
    return [
        Candidate(
            swarm=SwarmId(name),
            priority=draw(st.integers(0, 9)),
            busy=draw(st.integers(0, 10_000)),
            slots=draw(st.integers(1, 1_000)),
            skills=draw(skills),
        )
        for name in names
    ]


def chosen(asked: Distribution, fleet: list[Candidate], last: str | None) -> Choice | None:
    """Choose, or None when nobody fits."""
    try:
        return choose(asked, fleet, last=SwarmId(last) if last else None)
    except NoSwarmFits:
        return None


@given(asked=asks, fleet=fleets())
def test_nobody_who_fits_comes_before_the_chosen_one(
    asked: Distribution, fleet: list[Candidate]
) -> None:
    """By load and by priority, no swarm that may take the task is better than the one that does."""
    choice = chosen(asked, fleet, None)
    fitting = [each for each in fleet if may_take(each, asked)]
    if choice is None:
        assert not fitting
        return
    [winner] = [each for each in fitting if each.swarm == choice.swarm]

    if asked.placement is Placement.PRIORITY:
        fitting = [each for each in fitting if each.priority == max(f.priority for f in fitting)]
        assert winner in fitting
    if asked.placement is not Placement.ROUND_ROBIN:
        # Whole numbers, not the quotients that the policy compares: a share is a share.
        assert all(winner.busy * each.slots <= each.busy * winner.slots for each in fitting)


@given(asked=asks, fleet=fleets(), data=st.data())
def test_a_choice_does_not_go_by_the_order_of_looking(
    asked: Distribution, fleet: list[Candidate], data: st.DataObject
) -> None:
    """Whatever order a driver reads the swarms in, the choice is the same to the letter."""
    shuffled = data.draw(st.permutations(fleet))
    last = data.draw(st.none() | st.sampled_from([each.swarm for each in fleet]))

    assert chosen(asked, fleet, last) == chosen(asked, shuffled, last)


@given(asked=asks, fleet=fleets(), last=st.none() | st.integers(0, 40).map("s{:02}".format))
def test_the_first_few_of_each_crew_suffice(
    asked: Distribution, fleet: list[Candidate], last: str | None
) -> None:
    """What a driver reads by its indices gives the same choice as all the swarms there are."""
    if asked.placement is Placement.ROUND_ROBIN:
        ordered = sorted(fleet, key=lambda each: each.swarm)
        after = [each for each in ordered if last is not None and each.swarm > last]
        few = {each.swarm: each for each in [*after[:LOOKED_MAX], *ordered[:LOOKED_MAX]]}
    else:
        crews = {(each.priority, each.skills) for each in fleet}
        ranked = sorted(fleet, key=lambda each: (each.load, each.swarm))
        few = {
            each.swarm: each
            for crew in crews
            for each in [e for e in ranked if (e.priority, e.skills) == crew][:LOOKED_MAX]
        }

    assert chosen(asked, list(few.values()), last) == chosen(asked, fleet, last)


@given(fleet=fleets())
def test_round_robin_gives_everybody_as_many_turns(fleet: list[Candidate]) -> None:
    """After as many rounds, each swarm was chosen as often."""
    asked, last = distribution(placement=Placement.ROUND_ROBIN), None
    turns = Counter[str]()
    for _ in range(ROUNDS * len(fleet)):
        last = choose(asked, fleet, last=last).swarm
        turns[last] += 1

    assert turns == {each.swarm: ROUNDS for each in fleet}


@given(asked=asks, fleet=fleets())
def test_a_choice_is_read_back_as_it_was_written(
    asked: Distribution, fleet: list[Candidate]
) -> None:
    """What the event tells is the choice."""
    choice = chosen(asked, fleet, None)
    if choice is not None:
        assert choice_from(choice_json(choice)) == choice


def test_loads_that_differ_are_told_apart() -> None:
    """The closest loads that there can be are different numbers, and stand in the right order."""
    loads = [(n, slots) for slots in (997, 998, 999, 1_000) for n in range(9_990, 10_000)]
    exact = sorted(loads, key=lambda each: (each[0] * 997 * 998 * 999 * 1_000 // each[1], each))
    values = [busy / slots for busy, slots in exact]

    assert all(a <= b for a, b in pairwise(values))
    assert len(set(values)) == len({(n * 997 * 998 * 999 * 1_000) // s for n, s in loads})


def test_what_nobody_has_is_named() -> None:
    """The refusal names the capabilities that no open swarm declared, and what to do."""
    with pytest.raises(NoSwarmFits, match="nobody declared gpu") as refused:
        choose(distribution("gpu", placement=Placement.CAPABILITY), [], last=None)

    assert "sealed=False" in refused.value.hint


@given(fleet=fleets())
def test_rebalancing_fills_free_slots_and_no_more(fleet: list[Candidate]) -> None:
    """Nobody gives away what it has slots for, and nobody gets more than it has slots for."""
    after = {each.swarm: each.busy for each in fleet}
    slots = {each.swarm: each.slots for each in fleet}
    for shift in rebalance(fleet):
        assert 0 < shift.number <= SHIFT_MAX
        after[shift.source] -= shift.number
        after[shift.target] += shift.number
        assert after[shift.source] >= slots[shift.source]
        assert after[shift.target] <= slots[shift.target]

    assert sum(after.values()) == sum(each.busy for each in fleet)


@given(fleet=fleets())
def test_rebalancing_comes_to_an_end(fleet: list[Candidate]) -> None:
    """Done again and again it asks for nothing more, with nobody queueing beside free slots."""
    for _ in range(ROUNDS_MAX):
        shifts = rebalance(fleet)
        if not shifts:
            break
        change = Counter[str]()
        for shift in shifts:
            change[shift.source] -= shift.number
            change[shift.target] += shift.number
        fleet = [replace(each, busy=each.busy + change[each.swarm]) for each in fleet]

    has_queue = any(each.busy > each.slots for each in fleet)
    has_room = any(each.busy < each.slots for each in fleet)
    assert not (has_queue and has_room)
