"""Recovery: a swarm that was left, or that has lost records, goes on from the best that there is.

The order is that of what is newest: the live records themselves, then the checkpoints, then the
snapshots, each kind from its newest on; and over a capture the log after it. The swarm is suspended
first, so that nobody can write into it meanwhile. Whoever recovers may die at any moment: the swarm
then stays `recovering`, and the next one begins anew.
"""

from dataclasses import dataclass
from typing import Final

from skep.hive.imaging import image_of
from skep.policy.capturing import in_order
from skep.policy.confidence import confidence, facts_of
from skep.policy.recovery import Rebuilt, missing, rebuilt
from skep.ports.store import Store
from skep.ports.system import Clock
from skep.records.capture import Capture, CaptureKind
from skep.records.capture_errors import CaptureUnusable, NothingToRecover
from skep.records.errors import Conflict, TaskNotFound
from skep.records.ids import SwarmId
from skep.records.image import Image
from skep.records.recovering import Recovered

TRIES: Final = 5
"""How often a rebuilding is begun anew that somebody steered the swarm away from."""

_Point = tuple[Capture | None, Image | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Puts interrupted swarms back to work."""

    store: Store
    clock: Clock

    async def recover(self, swarm: SwarmId) -> Recovered:
        """Recover one swarm, from its state, else a checkpoint, else a snapshot.

        Raises `SwarmNotFound`, `IllegalMove` for one that has ended or is paused,
        `NothingToRecover`, and then nothing was changed, or `Conflict` when somebody steers it
        again and again.
        """
        await self._point(await self.store.states.image(swarm))
        for _ in range(TRIES):
            await self.store.states.suspend(swarm)
            try:
                return await self._attempt(swarm)
            except Conflict:
                continue  # it was steered, or recovered by somebody else, meanwhile
        raise Conflict(f"Swarm {swarm} is steered all the time.", hint="Recover it again.")

    async def is_damaged(self, swarm: SwarmId) -> bool:
        """Say whether tasks of a swarm have lost their records. Raises `SwarmNotFound`."""
        seen = await self.store.registry.swarm(swarm)
        try:
            found = await self.store.registry.tasks(swarm)
        except TaskNotFound:
            return True
        return len(found) != seen.tasks_total

    async def _attempt(self, swarm: SwarmId) -> Recovered:
        live = await self.store.states.image(swarm)
        capture, point = await self._point(live)
        source = capture.name if capture else CaptureKind.STATE.value
        result = rebuilt(live, point, source=source, at=self.clock.now())
        await self.store.states.reinstate(result.reinstatement)
        facts = facts_of(live, point, result)
        return Recovered(
            swarm=swarm,
            success=True,
            source=capture.kind if capture else CaptureKind.STATE,
            capture=capture.number if capture else 0,
            seq=capture.seq if capture else live.swarm.last_seq,
            plan=_plan(live, capture, result),
            confidence=confidence(facts),
            facts=facts,
            notes=result.notes,
        )

    async def _point(self, live: Image) -> _Point:
        """Give the first capture that knows all tasks whose records are gone, or most of them."""
        gone = set(missing(live))
        if not gone:
            return None, None
        best: tuple[int, _Point] | None = None
        for capture in in_order(await self.store.states.captures(live.swarm.id)):
            image = await self._image(capture)
            known = len(gone & {task.key for task in image.tasks}) if image else 0
            if image is not None and (best is None or known > best[0]):
                best = known, (capture, image)
            if known == len(gone):
                break
        if best is None or (not live.tasks and not best[0]):
            raise NothingToRecover(swarm=live.swarm.id, missing=len(gone))
        return best[1]

    async def _image(self, capture: Capture) -> Image | None:
        try:
            return await image_of(self.store, capture)
        except CaptureUnusable:
            return None


def _plan(live: Image, capture: Capture | None, result: Rebuilt) -> tuple[str, ...]:
    """Say what was done, step by step."""
    written, dropped = result.reinstatement.written, result.reinstatement.dropped
    steps = ["suspend the swarm: every earlier token is void"]
    if capture is None:
        steps.append(f"keep its {len(live.tasks)} task records as they stand")
    else:
        after = live.swarm.last_seq - capture.seq
        steps.append(f"take {len(result.notes) - len(dropped)} tasks from {capture.name}")
        steps.append(f"replay the {after} events after event {capture.seq} over them")
        steps.append(f"write {len(written)} records anew and give up {len(dropped)}")
    return (*steps, "rebuild its ready queues and let it go on")
