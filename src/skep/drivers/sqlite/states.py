"""The SQLite store's states."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import captures, rebuilding
from skep.drivers.sqlite.ports import Desk
from skep.policy.capturing import check_capture
from skep.records.capture import Capture, CaptureKind, CaptureTotals
from skep.records.command import Receipt
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.image import Image
from skep.records.recovering import Founding, Reinstatement
from skep.records.swarm import SwarmStatus


class SqliteStates:
    """Captures of swarms, and how a swarm is rebuilt from one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def image(self, swarm: SwarmId) -> Image:
        """See `ports.states.States.image`."""
        return await self._desk.reader.ask(partial(captures.image, swarm=swarm))

    async def keep(self, capture: Capture) -> Capture:
        """See `ports.states.States.keep`."""
        check_capture(capture)
        return await self._desk.writer.ask(partial(captures.keep, capture=capture))

    async def captures(
        self, swarm: SwarmId, *, kind: CaptureKind | None = None
    ) -> Sequence[Capture]:
        """See `ports.states.States.captures`."""
        return await self._desk.reader.ask(partial(captures.captures, swarm=swarm, kind=kind))

    async def drop(self, swarm: SwarmId, kind: CaptureKind, number: int) -> bool:
        """See `ports.states.States.drop`."""
        return await self._desk.writer.ask(
            partial(captures.drop, swarm=swarm, kind=kind, number=number)
        )

    async def suspend(self, swarm: SwarmId) -> SwarmStatus:
        """See `ports.states.States.suspend`."""
        return await self._desk.writer.ask(partial(rebuilding.suspend, swarm=swarm))

    async def reinstate(self, reinstatement: Reinstatement) -> SwarmStatus:
        """See `ports.states.States.reinstate`."""
        return await self._desk.writer.ask(partial(rebuilding.reinstate, ask=reinstatement))

    async def found(self, founding: Founding) -> Receipt | SkepError:
        """See `ports.states.States.found`."""
        return await self._desk.writer.ask(partial(rebuilding.found, ask=founding))

    async def totals(self) -> CaptureTotals:
        """See `ports.states.States.totals`."""
        return await self._desk.reader.ask(captures.totals)
