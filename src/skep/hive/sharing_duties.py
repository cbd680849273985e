"""The leader's duties about what swarms share: parts of pools, and disputes."""

from dataclasses import dataclass
from typing import Final

from skep.hive.conflicts import settle_open
from skep.policy.placement import rebalance
from skep.ports.disputes import Disputes
from skep.ports.placing import Placing
from skep.ports.pools import Pools
from skep.records.errors import SkepError
from skep.records.leadership import Mandate

RESOURCES_S: Final = 60.0
CONFLICTS_S: Final = 10.0
REBALANCE_S: Final = 15.0

LOOKED_AT_MAX: Final = 200
"""Swarms that one look reads from each end of their order by load."""

SHIFTS_MAX: Final = 16
"""Pairs of swarms between which one look moves tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceOptimising:
    """Gives back parts of pools that belong to nobody any more, should there ever be any."""

    pools: Pools
    name: str = "resources"
    every_s: float = RESOURCES_S

    async def perform(self, mandate: Mandate) -> int:
        """Look at all of them; says how many went back."""
        del mandate  # what belongs to nobody does so whoever looks
        return await self.pools.sweep()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictSettling:
    """Settles open disputes by their rules, as anybody might."""

    disputes: Disputes
    name: str = "conflicts"
    every_s: float = CONFLICTS_S

    async def perform(self, mandate: Mandate) -> int:
        """Settle what can be settled; says how many were."""
        del mandate  # a ruling follows from the case, whoever asks
        return await settle_open(self.disputes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalancing:
    """Moves tasks that nobody began from swarms that queue to those with free slots."""

    placing: Placing
    name: str = "rebalance"
    every_s: float = REBALANCE_S

    async def perform(self, mandate: Mandate) -> int:
        """Look at both ends of the order by load, and move; says how many tasks went."""
        lightest = await self.placing.candidates(limit=LOOKED_AT_MAX)
        heaviest = await self.placing.candidates(limit=LOOKED_AT_MAX, heaviest=True)
        known = {each.swarm: each for each in (*heaviest, *lightest)}
        shifts = rebalance(known.values())[:SHIFTS_MAX]
        answers = await self.placing.shift(shifts, mandate=mandate)
        # A swarm that was sealed meanwhile is no failure: the next look does not see it.
        return sum(len(each) for each in answers if not isinstance(each, SkepError))
