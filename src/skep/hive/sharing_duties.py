"""The leader's duties about what swarms share: parts of pools, and disputes."""

from dataclasses import dataclass
from typing import Final

from skep.hive.conflicts import settle_open
from skep.ports.disputes import Disputes
from skep.ports.pools import Pools
from skep.records.leadership import Mandate

RESOURCES_S: Final = 60.0
CONFLICTS_S: Final = 10.0


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
