"""Disputes: what several swarms want and one gets, who votes on it, and what was ruled."""

from dataclasses import dataclass
from enum import StrEnum

from skep.records.ids import SwarmId
from skep.records.values import Digest, Json, canonical, digest_of


class ConflictRule(StrEnum):
    """By what a dispute is settled."""

    PRIORITY = "priority"
    TIMESTAMP = "timestamp"
    VOTING = "voting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Ask who of several swarms gets what they all want, safe to repeat under its id.

    `kind` says what it is about. For voting, `electorate` names who may vote, each once; a ruling
    needs `quorum` ballots. An equal vote is settled by `tie`, or not at all where there is none.
    """

    id: str
    parties: tuple[SwarmId, ...]
    kind: str = "resource_conflict"
    rule: ConflictRule = ConflictRule.PRIORITY
    electorate: tuple[str, ...] = ()
    quorum: int = 0
    tie: ConflictRule | None = None

    @property
    def digest(self) -> Digest:
        """Tells the body of this dispute from another one under the same id."""
        names: list[Json] = [list[Json](self.parties), list[Json](self.electorate)]
        return digest_of(canonical([*names, self.kind, self.rule, self.quorum, self.tie]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A swarm in a dispute, with what the store knows of it: no swarm says this of itself."""

    swarm: SwarmId
    priority: int
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """One vote."""

    dispute: str
    voter: str
    party: SwarmId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Who gets it, and why; `votes` counts the ballots of each party that had any."""

    winner: SwarmId
    reason: str
    rule: ConflictRule
    at: float
    votes: tuple[tuple[SwarmId, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A dispute as the store has it, with the ballots in the order in which they were cast."""

    dispute: Dispute
    parties: tuple[Party, ...]
    opened_at: float
    ballots: tuple[Ballot, ...] = ()
    ruling: Ruling | None = None

    @property
    def is_open(self) -> bool:
        """Nothing was ruled yet."""
        return self.ruling is None
