"""The state of swarms: saved, captured, recovered, and taken up again as another swarm."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from skep.hive.imaging import image_of, taken
from skep.hive.recovery import Recovery
from skep.policy.recovery import copied, copy_news
from skep.ports.store import Store
from skep.ports.system import Chance, Clock
from skep.records.capture import Capture, CaptureKind
from skep.records.capture_errors import CaptureNotFound
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.image import Image, renamed
from skep.records.recovering import Founding, Recovered
from skep.records.values import Json, digest_of

COUNTED: Final = (*map(str, CaptureKind), "dropped", "reinstated", "founded")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmState:
    """What can be done with the state of swarms; any number of processes may at once."""

    store: Store
    clock: Clock
    chance: Chance

    async def save(self, swarm: str) -> Capture:
        """Note how far a swarm is; its number is the version. Raises `SwarmNotFound`."""
        now = await self.store.registry.swarm(SwarmId(swarm))
        return await self.store.states.keep(
            Capture(
                swarm=now.id,
                kind=CaptureKind.STATE,
                number=0,
                at=0.0,
                seq=now.last_seq,
                tasks=now.tasks_total,
            )
        )

    async def load(self, swarm: str) -> Capture | None:
        """Read what `save` noted last, None when it never did. Raises `SwarmNotFound`."""
        found = await self.store.states.captures(SwarmId(swarm), kind=CaptureKind.STATE)
        return found[0] if found else None

    async def create_snapshot(self, swarm: str, label: str = "") -> Capture:
        """Take a snapshot; one with a label stays until it is dropped.

        Raises `SwarmNotFound` or `LimitExceeded`.
        """
        return await self._take(swarm, CaptureKind.SNAPSHOT, label)

    async def create_checkpoint(self, swarm: str, label: str = "") -> Capture:
        """Make a checkpoint, which recovery tries before any snapshot.

        Raises `SwarmNotFound` or `LimitExceeded`.
        """
        return await self._take(swarm, CaptureKind.CHECKPOINT, label)

    async def captures(self, swarm: str, *, kind: CaptureKind | None = None) -> Sequence[Capture]:
        """List the captures of a swarm, the newest first. Raises `SwarmNotFound`."""
        return await self.store.states.captures(SwarmId(swarm), kind=kind)

    async def find(self, swarm: str, kind: CaptureKind, number: int) -> Capture:
        """Find one capture. Raises `SwarmNotFound` or `CaptureNotFound`."""
        for capture in await self.captures(swarm, kind=kind):
            if capture.number == number:
                return capture
        raise CaptureNotFound(swarm=swarm, capture=f"{kind} {number}")

    async def image(self, swarm: str, kind: CaptureKind, number: int) -> Image:
        """Read the image of a capture; raises `CaptureUnusable` for one that is not whole."""
        return await image_of(self.store, await self.find(swarm, kind, number))

    async def restore(self, swarm: str, number: int, *, kind: CaptureKind | None = None) -> SwarmId:
        """Make a new swarm that goes on from a capture, and give its id; the first stays as it is.

        Raises `SwarmNotFound`, `CaptureNotFound` or `CaptureUnusable`.
        """
        kind = kind or CaptureKind.SNAPSHOT
        image = await self.image(swarm, kind, number)
        return await self.found(image, SwarmId(self.chance.uuid()), capture=f"{kind}/{number}")

    async def found(self, image: Image, swarm: SwarmId, *, capture: str) -> SwarmId:
        """Make a swarm from an image under an id that is free.

        Raises `CommandConflict` for one that is taken, or `ArtifactNotFound`.
        """
        copy = renamed(copied(image, at=self.clock.now()), swarm)
        answer = await self.store.states.found(
            Founding(
                command=f"found/{swarm}",
                digest=digest_of(f"{capture}/{image.swarm.id}/{image.swarm.last_seq}"),
                image=replace(copy, commands=()),
                news=copy_news(image, copy, capture=capture),
            )
        )
        if isinstance(answer, SkepError):
            raise answer
        return answer.swarm

    async def recover(self, swarm: str) -> Recovered:
        """Recover a swarm; see `Recovery.recover`."""
        return await Recovery(store=self.store, clock=self.clock).recover(SwarmId(swarm))

    async def statistics(self) -> dict[str, Json]:
        """Count what was done with captures in this store."""
        totals = await self.store.states.totals()
        return {name: totals.of(name) for name in COUNTED}

    async def _take(self, swarm: str, kind: CaptureKind, label: str) -> Capture:
        image = await self.store.states.image(SwarmId(swarm))
        return await taken(self.store, image, kind, label=label)
