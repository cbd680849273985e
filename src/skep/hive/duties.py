"""The duties that every fleet has: what is due, what may be forgotten, how the swarms stand.

None of them is needed for a swarm to be right. Each worker sweeps and tidies by itself; the leader
does it as well, seldom, so that one place tells that it was done, and does what nobody else does:
look at all swarms, and tell them who leads.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skep.hive.caretaker import Caretaker
from skep.hive.coordinator import ONCE_A_TERM, Duty
from skep.hive.messenger import SwarmMessenger
from skep.hive.sharing_duties import ConflictSettling, Rebalancing, ResourceOptimising
from skep.policy.endings import is_stalled
from skep.ports.census import Census
from skep.ports.store import Leases, Registry, Store
from skep.records.leadership import Mandate
from skep.records.message import MessageType
from skep.records.swarm import SwarmStatus

SWEEP_S: Final = 5.0
HEALTH_S: Final = 30.0
TIDY_S: Final = 3600.0
RECONCILE_S: Final = 6 * 3600.0
"""Rarely: it reads every task of every live swarm, in one piece."""

ANNOUNCEMENT_S: Final = 3600.0
"""How long an announcement waits for a reader."""

PAGE: Final = 200
LOOKED_AT_MAX: Final = 2_000
"""Swarms that one look at their health reads; of more it tells that there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeping:
    """Does what is due: leases, timers, leftover edges, time-outs and expiries."""

    leases: Leases
    name: str = "sweep"
    every_s: float = SWEEP_S

    async def perform(self, mandate: Mandate) -> int:
        """Sweep once under the mandate; says how much was due."""
        return (await self.leases.sweep(mandate=mandate)).total


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """Rebuilds the ready queues from the task records, should they ever differ."""

    leases: Leases
    name: str = "reconcile"
    every_s: float = RECONCILE_S

    async def perform(self, mandate: Mandate) -> int:
        """Rebuild under the mandate; says how many seats were mended."""
        return await self.leases.reconcile(mandate=mandate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidying:
    """Forgets what ended long enough ago, as the caretaker of each worker does."""

    caretaker: Caretaker
    name: str = "tidy"
    every_s: float = TIDY_S

    async def perform(self, mandate: Mandate) -> int:
        """Do all that is due; says how many swarms went."""
        del mandate  # what may be forgotten is so whoever asks
        return (await self.caretaker.tick()).swarms


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthWatch:
    """Looks at the fleet: its nodes, the active swarms that move, and those that wait."""

    registry: Registry
    census: Census
    name: str = "health"
    every_s: float = HEALTH_S

    async def perform(self, mandate: Mandate) -> str:
        """Read them, and say how they stand."""
        del mandate  # it only reads
        nodes = len(await self.census.nodes())
        return f"{nodes} nodes; {await self._swarms()}"

    async def _swarms(self) -> str:
        found, before = Counter[str](), None
        while found.total() < LOOKED_AT_MAX:
            page = await self.registry.swarms(status=SwarmStatus.ACTIVE, before=before, limit=PAGE)
            found.update("stalled" if is_stalled(each.counts) else "moving" for each in page)
            if len(page) < PAGE:
                return f"{found['moving']} swarms move, {found['stalled']} wait for a person"
            before = page[-1].id
        return f"{found['moving']} of the newest {found.total()} swarms move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Tells every live swarm who leads, once in each term, under one id."""

    messenger: SwarmMessenger
    name: str = "announcement"
    every_s: float = ONCE_A_TERM

    async def perform(self, mandate: Mandate) -> str:
        """Send a `leadership_announcement` to each inbox; says how many took it."""
        sent = await self.messenger.broadcast(
            MessageType.LEADERSHIP_ANNOUNCEMENT,
            {"leader": mandate.node, "term": mandate.term},
            id=f"leadership.{mandate.incarnation}.{mandate.term}",
            ttl_s=ANNOUNCEMENT_S,
        )
        return f"told {sent.accepted} swarms, {len(sent.refused)} took no message"


def everyday_duties(store: Store) -> Sequence[Duty]:
    """Name the duties that need nothing but the store."""
    return (
        Sweeping(leases=store.leases),
        Reconciling(leases=store.leases),
        HealthWatch(registry=store.registry, census=store.census),
        ResourceOptimising(pools=store.pools),
        ConflictSettling(disputes=store.disputes),
        Rebalancing(placing=store.placing),
    )
