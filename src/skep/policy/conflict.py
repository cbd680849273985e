"""Who wins a dispute: the higher priority, who came first, or who has the votes.

Everything here is a function of what the store wrote down: the priority of a swarm is the one that
it was submitted with, and no message of the swarm changes it. The same case is ruled the same way
whoever rules it, so a ruling needs no leader, and repeating it changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from skep.records import limits
from skep.records.dispute import Ballot, Case, ConflictRule, Dispute, Party, Ruling
from skep.records.errors import InvalidInput, LimitExceeded
from skep.records.ids import SwarmId
from skep.records.sharing_errors import AlreadyVoted, DisputeRuled, NotEntitled, NotSettled
from skep.records.values import is_storable

Verdict = tuple[Party, str]
"""Who wins, and why."""

PARTIES_MIN: Final = 2


def check_dispute(asked: Dispute) -> None:
    """Refuse a dispute that could not be settled, whatever happens."""
    if not asked.id or not is_storable("".join((asked.id, asked.kind, *asked.electorate))):
        raise InvalidInput("A dispute has an id, and a kind in words.")
    _bound("DISPUTE_CHARS_MAX", limits.DISPUTE_CHARS_MAX, max(len(asked.id), len(asked.kind)))
    _bound("DISPUTE_PARTIES_MAX", limits.DISPUTE_PARTIES_MAX, len(asked.parties))
    if len(set(asked.parties)) != len(asked.parties) or len(asked.parties) < PARTIES_MIN:
        raise InvalidInput("A dispute is between two swarms or more, each named once.")
    if asked.rule is ConflictRule.VOTING:
        _check_electorate(asked)
    elif asked.electorate or asked.quorum or asked.tie is not None:
        raise InvalidInput("Only voting has an electorate, a quorum, and a rule for ties.")


def check_ballot(case: Case, ballot: Ballot) -> bool:
    """Say whether a ballot is a new one; raises why it does not count."""
    known = next((each for each in case.ballots if each.voter == ballot.voter), None)
    if known == ballot:
        return False
    if known is not None:
        raise AlreadyVoted(voter=ballot.voter, party=known.party)
    if case.ruling is not None:
        raise DisputeRuled(dispute=case.dispute.id, winner=case.ruling.winner)
    if ballot.voter not in case.dispute.electorate:
        raise NotEntitled(f"{ballot.voter!r} is not in the electorate of {ballot.dispute!r}.")
    if ballot.party not in case.dispute.parties:
        raise NotEntitled(f"Swarm {ballot.party!r} is no party of {ballot.dispute!r}.")
    return True


def voted(case: Case, ballot: Ballot) -> Case:
    """Count a ballot, once; raises why it does not count."""
    is_new = check_ballot(case, ballot)
    return replace(case, ballots=(*case.ballots, ballot)) if is_new else case


def ruled(case: Case, *, at: float) -> Case:
    """Rule on a case, once; raises `NotSettled` while its votes do not decide it."""
    if case.ruling is not None:
        return case
    (winner, reason), votes = RULES[case.dispute.rule](case), _votes(case)
    ruling = Ruling(
        winner=winner.swarm,
        reason=reason,
        rule=case.dispute.rule,
        at=at,
        votes=tuple(sorted(votes.items())),
    )
    return replace(case, ruling=ruling)


def _by_priority(case: Case) -> Verdict:
    return _highest(case.parties)


def _by_time(case: Case) -> Verdict:
    return _first(case.parties, "")


def _by_votes(case: Case) -> Verdict:
    asked, votes = case.dispute, _votes(case)
    cast, entitled = len(case.ballots), len(asked.electorate)
    if cast < asked.quorum:
        raise NotSettled(f"{cast} of {asked.quorum} ballots are cast.", dispute=asked.id)
    most = max(votes.values(), default=0)
    told = f"{most} of {cast} votes, {entitled} entitled"
    leading = [party for party in case.parties if votes[party.swarm] == most]
    if len(leading) == 1:
        return leading[0], told
    if asked.tie is None:
        raise NotSettled(f"{len(leading)} have {told} each.", dispute=asked.id)
    winner, why = TIES[asked.tie](leading)
    return winner, f"{len(leading)} have {told} each; {why}"


def _highest(parties: Sequence[Party]) -> Verdict:
    highest = max(party.priority for party in parties)
    among = [party for party in parties if party.priority == highest]
    if len(among) > 1:
        return _first(among, f"equal priority {highest}; ")
    below = max(party.priority for party in parties if party is not among[0])
    return among[0], f"priority {highest} is above {below}"


def _first(parties: Sequence[Party], before: str) -> Verdict:
    first = min(parties, key=lambda party: (party.since, party.swarm))
    return first, f"{before}{first.swarm} was there first"


def _votes(case: Case) -> Counter[SwarmId]:
    return Counter(ballot.party for ballot in case.ballots)


RULES: Final[Mapping[ConflictRule, Callable[[Case], Verdict]]] = {
    ConflictRule.PRIORITY: _by_priority,
    ConflictRule.TIMESTAMP: _by_time,
    ConflictRule.VOTING: _by_votes,
}

TIES: Final[Mapping[ConflictRule, Callable[[Sequence[Party]], Verdict]]] = {
    ConflictRule.PRIORITY: _highest,
    ConflictRule.TIMESTAMP: lambda parties: _first(parties, ""),
}


def _check_electorate(asked: Dispute) -> None:
    _bound("ELECTORATE_MAX", limits.ELECTORATE_MAX, len(asked.electorate))
    if not asked.electorate or len(set(asked.electorate)) != len(asked.electorate):
        raise InvalidInput("Who may vote is named, each once.")
    for voter in asked.electorate:
        _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(voter))
    if not 1 <= asked.quorum <= len(asked.electorate):
        raise InvalidInput("A quorum is from 1 to as many as may vote.")
    if asked.tie is ConflictRule.VOTING:
        raise InvalidInput("A tie of votes is settled by priority or timestamp, or by nobody.")


def _bound(limit: str, allowed: int, actual: int) -> None:
    if actual > allowed:
        raise LimitExceeded(limit=limit, allowed=allowed, actual=actual)
