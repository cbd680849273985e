"""The chore `recovery`: the roll is called, and the swarms of lost hosts go on under this node.

Leaderless, as the sweep is: every node may do it at once, and the store has one winner for each
swarm. What was left half done, by this node or by one that was lost over it, is begun again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from skep.hive.recovery import Recovery
from skep.ports.store import Store
from skep.records.capture_errors import NothingToRecover
from skep.records.command import Order
from skep.records.directory import Tally
from skep.records.errors import Conflict
from skep.records.ids import SwarmId
from skep.records.node import NodeId
from skep.records.swarm import SwarmMove

AT_ONCE: Final = 64
"""Swarms adopted by one call; as many orders go to the store in one."""

ROUNDS_MAX: Final = 200
"""Calls of one round; what they leave over waits for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Interrupts what lost its host; where `adopts` says so, it goes on under `node`.

    A swarm that has lost records as well is rebuilt by `recovery`, if there is one, before it does.
    `mandate` is not asked for: whatever a leader without one did here would be done all the same.
    """

    name: ClassVar[str] = "recovery"

    store: Store
    node: NodeId
    every_s: float
    adopts: bool = True
    recovery: Recovery | None = None

    async def perform(self, mandate: object = None) -> int:
        """Call the roll and adopt orphans, all there are; gives how many swarms go on.

        Raises `NodeAbsent` when this node is not present, and `StoreError`.
        """
        del mandate
        while (await self.store.census.sweep()).swarms:
            pass
        count = 0
        for _ in range(ROUNDS_MAX if self.adopts else 0):
            adopted = await self.store.census.adopt(self.node, limit=AT_ONCE)
            if not adopted:
                break
            await self._resume([swarm for swarm in adopted if not await self._is_rebuilt(swarm)])
            count += len(adopted)
        if count:
            await self.store.directory.tally({Tally.RECOVERIES: count})
        return count

    async def _is_rebuilt(self, swarm: SwarmId) -> bool:
        """Rebuild a swarm that has lost records; one that cannot be is left interrupted."""
        if self.recovery is None or not await self.recovery.is_damaged(swarm):
            return False
        try:
            await self.recovery.recover(swarm)
        except NothingToRecover as refusal:
            move = SwarmMove.INTERRUPT
            left = Order(swarm=swarm, move=move, reason=refusal.message)
            await self.store.work.steer([left])
        except Conflict:
            return False  # it was steered meanwhile: its order is refused, or lets it go on
        return True

    async def _resume(self, swarms: Sequence[SwarmId]) -> None:
        """Let adopted swarms go on; one that ended or was moved meanwhile refuses, and may."""
        reason = f"adopted by {self.node}"
        move = SwarmMove.RESUME
        await self.store.work.steer(
            [Order(swarm=swarm, move=move, reason=reason) for swarm in swarms]
        )
