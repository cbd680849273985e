"""The presence of a process in its fleet: it is enrolled, beats, does its chores, and leaves.

What can go wrong: a process that could not reach the store for three beats was taken for lost, and
its swarms have another host by now. It is enrolled again, and hosts what is new; what it worked on
it goes on with, for that stands under leases of its own. A process that ends leaves, so that nobody
waits for its beats to be missed; one that is killed is missed.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import Protocol, Self

from skep.hive.adoption import Adoption
from skep.hive.archivist import Archivist
from skep.hive.recovery import Recovery
from skep.ports.census import Census
from skep.ports.store import Store
from skep.ports.system import Clock
from skep.records.errors import StoreError
from skep.records.fleet_errors import NodeAbsent
from skep.records.ids import SwarmId
from skep.records.node import Node


class Chore(Protocol):
    """What a node does beside its work, at its beats, but not more often than every `every_s`."""

    @property
    def every_s(self) -> float:
        """How long it rests between two rounds at least."""
        ...

    async def perform(self, mandate: object = None) -> object:
        """Do one round."""
        ...


class Presence:
    """Keeps a node enrolled; a context manager that owns its loop.

    `foreground` are swarms that this process alone can bring on: it is their host from the start,
    and nobody adopts them.
    """

    def __init__(
        self,
        census: Census,
        clock: Clock,
        *,
        node: Node,
        chores: Sequence[Chore] = (),
        foreground: Sequence[SwarmId] = (),
    ) -> None:
        self.node = node
        self._census = census
        self._clock = clock
        self._due = [(chore, -inf) for chore in chores]
        self._foreground = foreground
        self._beating: asyncio.Task[None] | None = None

    async def tick(self) -> bool:
        """Beat, being enrolled first where that must be, and do the chores; False when absent.

        Raises `StoreError`.
        """
        was_present = await self._beat()
        now = self._clock.monotonic()
        for place, (chore, last) in enumerate(self._due):
            if now - last >= chore.every_s:
                self._due[place] = (chore, now)
                await chore.perform()
        return was_present

    async def __aenter__(self) -> Self:
        with suppress(StoreError):  # the first beat enrols what this could not
            await self._enrol()
        self._beating = asyncio.create_task(self._run(), name=f"skep-presence-{self.node.id}")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        with suppress(StoreError):  # then its beats are missed
            await self._census.leave(self.node.id)

    async def _run(self) -> None:
        while True:
            with suppress(StoreError, NodeAbsent):  # the next beat tries again
                await self.tick()
            await self._clock.sleep(self.node.heartbeat_s)

    async def _beat(self) -> bool:
        [is_known] = await self._census.beat([self.node.id])
        if not is_known:
            await self._enrol()
        return is_known

    async def _enrol(self) -> None:
        await self._census.enrol(self.node)
        if self._foreground:
            await self._census.host(self._foreground, self.node.id, is_adoptable=False)


def presence_of(
    store: Store, clock: Clock, *, node: Node, foreground: SwarmId | None = None
) -> Presence:
    """Keep a node in the census of a store; one in the foreground of a swarm adopts nothing."""
    is_staying = foreground is None
    recovery = Adoption(
        store=store,
        node=node.id,
        every_s=0.0,
        adopts=is_staying,
        recovery=Recovery(store=store, clock=clock),
    )
    archive = Archivist(directory=store.directory, clock=clock)
    chores = [recovery, archive] if is_staying else [recovery]
    swarms = [] if foreground is None else [foreground]
    return Presence(store.census, clock, node=node, chores=chores, foreground=swarms)
