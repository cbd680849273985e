"""The chore `recovery`: the roll is called, and the swarms of lost hosts go on under this node.

Leaderless, as the sweep is: every node may do it at once, and the store has one winner for each
swarm. What was left half done, by this node or by one that was lost over it, is begun again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from skep.ports.store import Store
from skep.records.command import Order
from skep.records.directory import Tally
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

    `mandate` is not asked for: whatever a leader without one did here would be done all the same.
    """

    name: ClassVar[str] = "recovery"

    store: Store
    node: NodeId
    every_s: float
    adopts: bool = True

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
            await self._resume(adopted)
            count += len(adopted)
        if count:
            await self.store.directory.tally({Tally.RECOVERIES: count})
        return count

    async def _resume(self, swarms: Sequence[SwarmId]) -> None:
        """Let adopted swarms go on; one that ended or was moved meanwhile refuses, and may."""
        reason = f"adopted by {self.node}"
        move = SwarmMove.RESUME
        await self.store.work.steer(
            [Order(swarm=swarm, move=move, reason=reason) for swarm in swarms]
        )
