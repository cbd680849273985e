"""The seat of a swarm in its fleet: the rules it goes by, and how its conflicts are settled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from typing_extensions import Unpack

from skep.hive.conflicts import one
from skep.hive.messenger import SwarmMessenger
from skep.ports.disputes import Disputes
from skep.ports.system import Chance
from skep.records.dispute import Ballot, ConflictRule, Dispute, Ruling
from skep.records.ids import SwarmId
from skep.records.placement import Placement


@dataclass(slots=True, kw_only=True)
class SeatConfig:
    """By what the tasks that a swarm distributes are placed, and its conflicts settled."""

    task_distribution_strategy: Placement | str = Placement.LEAST_LOADED
    conflict_resolution_strategy: ConflictRule | str = ConflictRule.PRIORITY


class Vote(TypedDict, total=False):
    """What a conflict by voting needs: who may vote, how many must, and what breaks a tie."""

    electorate: Sequence[str]
    quorum: int
    tie: ConflictRule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmSeat:
    """What `create_swarm` gives as the coordinator: one swarm's side of the coordination.

    Any process may do what it does; which of them leads matters for the leader's duties alone.
    """

    swarm: SwarmId
    disputes: Disputes
    chance: Chance
    messenger: SwarmMessenger
    leads: Callable[[], bool]
    config: SeatConfig = field(default_factory=SeatConfig)

    @property
    def is_leader(self) -> bool:
        """Whether this process leads the fleet, as far as it can know."""
        return self.leads()

    async def resolve_conflict(
        self,
        kind: str,
        parties: Sequence[str],
        *,
        id: str | None = None,  # noqa: A002 - the word for it
        ballots: Mapping[str, str] | None = None,
        **vote: Unpack[Vote],
    ) -> Ruling:
        """Settle what several swarms want and one gets, by the seat's rule; who wins, and why.

        Priorities and ages are those that the store knows. For voting, `ballots` says which party
        each voter is for. The same `id` again gives the ruling that stands. Raises `InvalidInput`,
        `SwarmNotFound`, `CommandConflict`, `NotEntitled`, `AlreadyVoted`, or `NotSettled` for a
        vote without a quorum or a winner, which stays open for more ballots under its id.
        """
        dispute = Dispute(
            id=id or self.chance.uuid(),
            parties=tuple(map(SwarmId, parties)),
            kind=kind,
            rule=ConflictRule(self.config.conflict_resolution_strategy),
            electorate=tuple(vote.get("electorate", ())),
            quorum=vote.get("quorum", 0),
            tie=vote.get("tie"),
        )
        case = one(await self.disputes.open([dispute]))
        if case.ruling is not None:
            return case.ruling
        for voter, party in (ballots or {}).items():
            ballot = Ballot(dispute=dispute.id, voter=voter, party=SwarmId(party))
            one(await self.disputes.cast([ballot]))
        case = one(await self.disputes.settle([dispute.id]))
        assert case.ruling is not None, "what was settled has a ruling"
        return case.ruling
