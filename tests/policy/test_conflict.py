"""Conflict rules: one winner among the parties, in whatever order they are named."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Unpack

from skep.policy.conflict import check_dispute, ruled, voted
from skep.records.case_codec import case_from, case_text
from skep.records.dispute import Ballot, Case, ConflictRule, Party
from skep.records.ids import SwarmId
from skep.records.sharing_errors import AlreadyVoted, NotSettled
from skep.testing.samples import DisputeFields, dispute

VOTERS = tuple(f"v{n}" for n in range(7))
NOW = 100.0


def party(number: int, priority: int, since: int) -> Party:
    """Name a party."""
    return Party(swarm=SwarmId(f"s{number}"), priority=priority, since=float(since))


def name_of(party: Party) -> str:
    """Name the swarm of a party."""
    return party.swarm


sides = st.lists(
    st.builds(party, st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)),
    min_size=2,
    max_size=5,
    unique_by=name_of,
)


def case_of(parties: list[Party], **more: Unpack[DisputeFields]) -> Case:
    """Put a case together."""
    asked = dispute("d", *(party.swarm for party in parties), **more)
    check_dispute(asked)
    return Case(dispute=asked, parties=tuple(parties), opened_at=0.0)


def winner(case: Case) -> str:
    """Rule, and name who won."""
    ruling = ruled(case, at=NOW).ruling
    assert ruling is not None
    return ruling.winner


@given(parties=sides)
def test_nobody_of_higher_priority_loses(parties: list[Party]) -> None:
    """By priority nobody is above the winner, and among equals nobody is older."""
    won = winner(case_of(parties, rule=ConflictRule.PRIORITY))

    ranks = {each.swarm: (each.priority, -each.since) for each in parties}
    assert ranks[SwarmId(won)] == max(ranks.values())


@given(parties=sides)
def test_nobody_who_was_there_before_loses(parties: list[Party]) -> None:
    """By timestamp nobody is older than the winner."""
    won = winner(case_of(parties, rule=ConflictRule.TIMESTAMP))

    assert min(each.since for each in parties) == {p.swarm: p.since for p in parties}[SwarmId(won)]


@given(
    parties=sides,
    rule=st.sampled_from([ConflictRule.PRIORITY, ConflictRule.TIMESTAMP]),
    data=st.data(),
)
def test_the_order_of_the_parties_does_not_matter(
    parties: list[Party], rule: ConflictRule, data: st.DataObject
) -> None:
    """Whoever names the parties first gains nothing by it."""
    shuffled = data.draw(st.permutations(parties))

    assert winner(case_of(parties, rule=rule)) == winner(case_of(shuffled, rule=rule))


@given(
    parties=sides,
    votes=st.lists(st.tuples(st.sampled_from(VOTERS), st.integers(0, 4)), max_size=12),
    quorum=st.integers(1, len(VOTERS)),
    tie=st.none() | st.sampled_from([ConflictRule.PRIORITY, ConflictRule.TIMESTAMP]),
)
def test_votes_decide_when_there_are_enough(
    parties: list[Party], votes: list[tuple[str, int]], quorum: int, tie: ConflictRule | None
) -> None:
    """A vote is decided exactly when a quorum voted and one leads, or a rule for ties is named."""
    case = case_of(parties, rule=ConflictRule.VOTING, electorate=VOTERS, quorum=quorum, tie=tie)
    first: dict[str, SwarmId] = {}
    for voter, number in votes:
        chosen = parties[number % len(parties)].swarm
        first.setdefault(voter, chosen)
        with suppress(AlreadyVoted):
            case = voted(case, Ballot(dispute="d", voter=voter, party=chosen))
    assert {ballot.voter: ballot.party for ballot in case.ballots} == first

    counted = Counter(first.values())
    leaders = [each for each in counted if counted[each] == max(counted.values())]
    if len(first) < quorum or (len(leaders) > 1 and tie is None):
        with pytest.raises(NotSettled):
            ruled(case, at=NOW)
    else:
        assert winner(case) in leaders


@given(parties=sides)
def test_a_ruling_is_not_made_twice(parties: list[Party]) -> None:
    """Ruled again, at another time, the case is what it was; and it is read back as written."""
    once = ruled(case_of(parties, rule=ConflictRule.PRIORITY), at=NOW)

    assert ruled(once, at=NOW + 1) == once
    assert case_from(case_text(once)) == once


@given(parties=sides)
def test_no_vote_no_winner(parties: list[Party]) -> None:
    """Nobody wins a vote that nobody took part in."""
    case = case_of(parties, rule=ConflictRule.VOTING, electorate=VOTERS, quorum=1)

    with pytest.raises(NotSettled, match="0 of 1"):
        ruled(case, at=NOW)
