"""The SQLite store's census."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import hosting
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.ports import Desk
from skep.policy.hosting import check_node
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.node import Hosting, Missed, Node, NodeId


class SqliteCensus:
    """Nodes and hosts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def enrol(self, node: Node) -> Node:
        """See `ports.census.Census.enrol`."""
        check_node(node)
        return await self._desk.writer.ask(partial(hosting.enrol, node=node), lazily=True)

    async def beat(self, nodes: Sequence[NodeId]) -> Sequence[bool]:
        """See `ports.census.Census.beat`."""
        return await self._desk.writer.ask(
            lambda changes: [hosting.beat(changes, node) for node in nodes], lazily=True
        )

    async def leave(self, node: NodeId) -> bool:
        """See `ports.census.Census.leave`."""
        return await self._desk.writer.ask(partial(hosting.leave, node=node))

    async def nodes(self) -> Sequence[Node]:
        """See `ports.census.Census.nodes`."""
        return await self._desk.reader.ask(hosting.every_node)

    async def host(
        self, swarms: Sequence[SwarmId], node: NodeId, *, is_adoptable: bool = True
    ) -> Sequence[bool | SkepError]:
        """See `ports.census.Census.host`."""

        def hosted(changes: Changes) -> list[bool | SkepError]:
            hosting.check_present(changes, node)
            is_so = is_adoptable
            return [hosting.host(changes, each, node, is_adoptable=is_so) for each in swarms]

        return await self._desk.writer.ask(hosted)

    async def hosted(self, node: NodeId | None = None) -> Sequence[Hosting]:
        """See `ports.census.Census.hosted`."""
        return await self._desk.reader.ask(partial(hosting.every_hosting, node=node))

    async def sweep(self, *, limit: int = 256) -> Missed:
        """See `ports.census.Census.sweep`."""
        return await self._desk.writer.ask(partial(hosting.sweep, limit=limit))

    async def adopt(self, node: NodeId, *, limit: int = 64) -> Sequence[SwarmId]:
        """See `ports.census.Census.adopt`."""
        return await self._desk.writer.ask(partial(hosting.adopt, node=node, limit=limit))
