"""The duty of taking snapshots: of what has changed, every few minutes, and of each milestone.

Safe to do twice, and by two: the same image is one capture, and each swarm keeps its ten.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from skep.hive.state import SwarmState
from skep.policy.capturing import is_due, is_milestone, is_worth_it, newest_of
from skep.records.capture import CaptureKind
from skep.records.errors import LimitExceeded, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.leadership import Mandate
from skep.records.swarm import ENDED, Swarm, SwarmStatus

LOOK_EVERY_S: Final = 30.0
"""How often the swarms are looked through."""

PAGE: Final = 200
LIVE: Final = tuple(status for status in SwarmStatus if status not in ENDED)


@dataclass(slots=True, kw_only=True)
class Snapshots:
    """Takes snapshots and checkpoints of all swarms that are due.

    `seen` holds how far each swarm was when it was last looked at and nothing was left to do.
    """

    state: SwarmState
    name: str = "snapshots"
    every_s: float = LOOK_EVERY_S
    seen: dict[SwarmId, int] = field(default_factory=dict[SwarmId, int])

    async def perform(self, mandate: Mandate | None = None) -> int:
        """Look through the swarms that live once; returns how many captures were made."""
        del mandate  # what it does is idempotent: no term is needed for it to be right
        made, still = 0, dict[SwarmId, int]()
        for status in LIVE:
            async for swarm in self._all(status):
                made += await self._look(swarm, still)
        self.seen = still
        return made

    async def _all(self, status: SwarmStatus) -> AsyncIterator[Swarm]:
        before: SwarmId | None = None
        while True:
            read = self.state.store.registry.swarms
            page = await read(status=status, before=before, limit=PAGE)
            for swarm in page:
                yield swarm
            if len(page) < PAGE:
                return
            before = page[-1].id

    async def _look(self, swarm: Swarm, still: dict[SwarmId, int]) -> int:
        if not is_worth_it(swarm) or self.seen.get(swarm.id) == swarm.last_seq:
            still[swarm.id] = swarm.last_seq
            return 0
        try:
            made = await self._capture(swarm)
            if await self._is_done(swarm):
                still[swarm.id] = swarm.last_seq
        except (SwarmNotFound, LimitExceeded):
            return 0  # forgotten meanwhile, or too large for an image: the others come first
        return made

    async def _capture(self, swarm: Swarm) -> int:
        held = await self.state.captures(swarm.id)
        made = 0
        if is_milestone(swarm, newest_of(held, CaptureKind.CHECKPOINT)):
            await self.state.create_checkpoint(swarm.id)
            made += 1
        snapshot = newest_of(held, CaptureKind.SNAPSHOT)
        if is_due(swarm, snapshot, now=self.state.clock.now()):
            await self.state.create_snapshot(swarm.id)
            made += 1
        return made

    async def _is_done(self, swarm: Swarm) -> bool:
        snapshot = newest_of(await self.state.captures(swarm.id), CaptureKind.SNAPSHOT)
        return snapshot is not None and snapshot.seq >= swarm.last_seq
