"""Disputes: opened with facts of the store, voted on by whom they name, ruled on once."""

import asyncio
from collections.abc import Sequence

import pytest

from skep.records.dispute import Ballot, Case, ConflictRule, Dispute
from skep.records.errors import CommandConflict, InvalidInput, SkepError, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.sharing_errors import (
    AlreadyVoted,
    DisputeNotFound,
    DisputeRuled,
    NotEntitled,
    NotSettled,
)
from skep.testing.acts import submit
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import dispute, task

VOTERS = ("ann", "bob", "cleo", "dan")


async def parties(store: InspectableStore, clock: ManualClock, **priorities: int) -> None:
    """Submit swarms of these priorities, a second apart."""
    for name, priority in priorities.items():
        await submit(store, name, task("t"), priority=priority)
        clock.advance(1)


async def opened(store: InspectableStore, asked: Dispute) -> Case:
    """Open a dispute, which must be accepted."""
    return _case(await store.disputes.open([asked]))


async def settled(store: InspectableStore, name: str = "d") -> Case:
    """Settle a dispute, which must be possible."""
    return _case(await store.disputes.settle([name]))


async def winner(store: InspectableStore, asked: Dispute) -> tuple[str, str]:
    """Open a dispute and settle it; gives who won, and why."""
    await opened(store, asked)
    ruling = (await settled(store, asked.id)).ruling
    assert ruling is not None
    return ruling.winner, ruling.reason


async def vote(store: InspectableStore, voter: str, party: str) -> Case | SkepError:
    """Cast a ballot."""
    ballot = Ballot(dispute="d", voter=voter, party=SwarmId(party))
    [answer] = await store.disputes.cast([ballot])
    return answer


def election(tie: ConflictRule | None = None, quorum: int = 3) -> Dispute:
    """Ask four voters, three of whom are a quorum."""
    return dispute(
        "d", "a", "b", rule=ConflictRule.VOTING, electorate=VOTERS, quorum=quorum, tie=tie
    )


def _case(answers: Sequence[Case | SkepError]) -> Case:
    [answer] = answers
    assert isinstance(answer, Case), answer
    return answer


class DisputesContract:
    """Invariant 52: a dispute is ruled on once, by what the store knows and who voted."""

    async def test_the_higher_priority_wins(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """By priority it is the one that the swarm was submitted with."""
        await parties(store, clock, a=5, b=7, c=6)

        won = await winner(store, dispute("d", "a", "b", "c"))

        assert won == ("b", "priority 7 is above 6")

    async def test_equal_priority_goes_by_age(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Among equals the swarm that was made first wins."""
        await parties(store, clock, b=5, a=5)

        won = await winner(store, dispute("d", "a", "b"))

        assert won == ("b", "equal priority 5; b was there first")

    async def test_first_come_is_first_served(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """By timestamp priority does not count."""
        await parties(store, clock, b=1, a=9)

        won = await winner(store, dispute("d", "a", "b", rule=ConflictRule.TIMESTAMP))

        assert won == ("b", "b was there first")

    async def test_the_most_votes_win(self, store: InspectableStore, clock: ManualClock) -> None:
        """With a quorum of ballots the party with most of them wins, and the ballots are kept."""
        await parties(store, clock, a=9, b=1)
        await opened(store, election())
        for voter, party in (("ann", "b"), ("bob", "a"), ("cleo", "b")):
            assert isinstance(await vote(store, voter, party), Case)

        case = await settled(store)

        assert case.ruling is not None
        assert case.ruling.winner == "b"
        assert case.ruling.reason == "2 of 3 votes, 4 entitled"
        assert case.ruling.votes == (("a", 1), ("b", 2))
        assert [ballot.voter for ballot in case.ballots] == ["ann", "bob", "cleo"]

    async def test_no_quorum_decides_nothing(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Too few ballots leave the dispute open, however clear they are."""
        await parties(store, clock, a=5, b=5)
        await opened(store, election())
        await vote(store, "ann", "a")
        await vote(store, "bob", "a")

        [answer] = await store.disputes.settle(["d"])

        assert isinstance(answer, NotSettled)
        assert "2 of 3 ballots" in answer.message
        assert [case.is_open for case in await store.disputes.read(["d"])] == [True]

    async def test_a_tie_is_refused_or_ruled_otherwise(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Equal votes decide nothing, unless the dispute says what does."""
        await parties(store, clock, a=5, b=7)
        for tie in (None, ConflictRule.TIMESTAMP):
            asked = election(tie, quorum=2) if tie else election(quorum=2)
            name = f"tie-{tie}"
            await opened(store, _named(asked, name))
            ballots = [
                Ballot(dispute=name, voter=voter, party=SwarmId(party))
                for voter, party in (("ann", "a"), ("bob", "b"))
            ]
            await store.disputes.cast(ballots)

        refused, ruled = await store.disputes.settle(["tie-None", "tie-timestamp"])

        assert isinstance(refused, NotSettled)
        assert isinstance(ruled, Case)
        assert ruled.ruling is not None
        assert ruled.ruling.winner == "a"
        assert ruled.ruling.reason == "2 have 1 of 2 votes, 4 entitled each; a was there first"

    async def test_a_voter_has_one_vote(self, store: InspectableStore, clock: ManualClock) -> None:
        """The first ballot stands; the same again is no other, and another one is refused."""
        await parties(store, clock, a=5, b=5)
        await opened(store, election())

        first = await vote(store, "ann", "a")

        assert await vote(store, "ann", "a") == first
        assert isinstance(await vote(store, "ann", "b"), AlreadyVoted)
        [case] = await store.disputes.read(["d"])
        assert len(case.ballots) == 1

    async def test_only_who_is_named_votes(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A stranger's ballot, or one for no party, does not count."""
        await parties(store, clock, a=5, b=5, c=5)
        await opened(store, election())

        assert isinstance(await vote(store, "eve", "a"), NotEntitled)
        assert isinstance(await vote(store, "ann", "c"), NotEntitled)

    async def test_nobody_votes_after_the_ruling(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What is settled stays so."""
        await parties(store, clock, a=5, b=5)
        await opened(store, election(quorum=1))
        await vote(store, "ann", "a")
        await settled(store)

        assert isinstance(await vote(store, "bob", "b"), DisputeRuled)

    async def test_a_ruling_stands(self, store: InspectableStore, clock: ManualClock) -> None:
        """Settled again, at any time, it is the same ruling to the letter."""
        await parties(store, clock, a=5, b=7)
        await opened(store, dispute("d", "a", "b"))
        first = await settled(store)

        clock.advance(60)

        assert await settled(store) == first
        assert await opened(store, dispute("d", "a", "b")) == first

    async def test_an_id_has_one_dispute(self, store: InspectableStore, clock: ManualClock) -> None:
        """The same dispute again is the same case; another one under its id is refused."""
        await parties(store, clock, a=5, b=7, c=3)
        first = await opened(store, dispute("d", "a", "b"))

        assert await opened(store, dispute("d", "a", "b")) == first
        [answer] = await store.disputes.open([dispute("d", "a", "c")])
        assert isinstance(answer, CommandConflict)

    async def test_what_cannot_be_settled_is_refused(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A dispute needs two parties that are there, and a vote needs voters and a quorum."""
        await parties(store, clock, a=5, b=7)
        voting = ConflictRule.VOTING
        unsound = [
            dispute("d", "a"),
            dispute("d", "a", "a"),
            dispute("", "a", "b"),
            dispute("d", "a", "b", rule=voting),
            dispute("d", "a", "b", rule=voting, electorate=("ann", "ann"), quorum=1),
            dispute("d", "a", "b", rule=voting, electorate=("ann",), quorum=2),
            dispute("d", "a", "b", rule=voting, electorate=("ann",), quorum=1, tie=voting),
            dispute("d", "a", "b", quorum=1),
        ]

        answers = await store.disputes.open([*unsound, dispute("d", "a", "ghost")])

        assert [type(each) for each in answers] == [InvalidInput] * len(unsound) + [SwarmNotFound]
        assert list(await store.disputes.find()) == []

    async def test_disputes_are_found_newest_first(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """All of them, the open ones, or those that were ruled on."""
        await parties(store, clock, a=5, b=7)
        for name in "xyz":
            await opened(store, dispute(name, "a", "b"))
        await settled(store, "y")

        async def found(*, is_open: bool | None = None, limit: int = 50) -> list[str]:
            return [
                case.dispute.id for case in await store.disputes.find(is_open=is_open, limit=limit)
            ]

        assert await found() == ["z", "y", "x"]
        assert await found(limit=1) == ["z"]
        assert await found(is_open=True) == ["z", "x"]
        assert await found(is_open=False) == ["y"]

    async def test_what_is_not_there_is_told(self, store: InspectableStore) -> None:
        """Nobody votes on, settles or reads a dispute that was never opened."""
        [settled_] = await store.disputes.settle(["d"])

        assert isinstance(settled_, DisputeNotFound)
        assert isinstance(await vote(store, "ann", "a"), DisputeNotFound)
        with pytest.raises(DisputeNotFound):
            await store.disputes.read(["d"])

    async def test_all_who_vote_at_once_are_counted(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """However many ballots come together, each counts once and there is one ruling."""
        await parties(store, clock, a=5, b=5)
        await opened(store, election(quorum=len(VOTERS)))

        await asyncio.gather(*(vote(store, voter, "b") for voter in VOTERS * 2))
        cases = await asyncio.gather(*(settled(store) for _ in range(4)))

        assert {ballot.voter for ballot in cases[0].ballots} == set(VOTERS)
        assert len(cases[0].ballots) == len(VOTERS)
        assert len({case.ruling for case in cases}) == 1


def _named(asked: Dispute, name: str) -> Dispute:
    return dispute(
        name,
        *asked.parties,
        rule=asked.rule,
        electorate=asked.electorate,
        quorum=asked.quorum,
        tie=asked.tie,
    )
