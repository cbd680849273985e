"""The scheduler: what is due is done, whoever does it; leaderless and idempotent."""

from dataclasses import dataclass

from skep.ports.store import Leases
from skep.records.lease import Swept

SWEEP_S = 0.5
"""How often the due things are looked for."""


@dataclass(frozen=True, slots=True)
class TaskScheduler:
    """Sweeps lost leases, timers, leftover edges and swarms whose time is over."""

    leases: Leases

    async def tick(self) -> Swept:
        """Do one sweep; returns what it did."""
        return await self.leases.sweep()
