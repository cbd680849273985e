"""The census port: the processes of a fleet, and which of them is the host of which swarm.

A node is written down once and beats from then on: one small write, however many swarms it hosts.
One that missed its beats is absent, and its swarms are orphaned by whoever calls the roll first:
what was at work is interrupted. A node that is present adopts orphans, each of them one winner.
Absence is a matter of the store's clock and of no other, and nothing that is promised of tasks
depends on it: a host that was thought lost and comes back finds its swarms with another host, and
its tasks under their own leases as ever.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.node import Hosting, Missed, Node, NodeId


class Census(Protocol):
    """Nodes and hosts."""

    async def enrol(self, node: Node) -> Node:
        """Write a node down as present; gives it with its moments, which are the store's.

        Enrolled again it is another process under the same name, which keeps its swarms. Raises
        `InvalidInput` for a heartbeat that makes no sense.
        """
        ...

    async def beat(self, nodes: Sequence[NodeId]) -> Sequence[bool]:
        """Hear of nodes; False for one that is not enrolled, or not any more."""
        ...

    async def leave(self, node: NodeId) -> bool:
        """Count a node as absent from now on, with all that follows at the next roll call.

        False for one that is not enrolled.
        """
        ...

    async def nodes(self) -> Sequence[Node]:
        """Read all nodes by their ids; those that are absent until the next roll call too."""
        ...

    async def host(
        self, swarms: Sequence[SwarmId], node: NodeId, *, is_adoptable: bool = True
    ) -> Sequence[bool | SkepError]:
        """Make a node the host of swarms, whoever was it before.

        Answers False for a swarm that has ended, and `SwarmNotFound`. Raises `NodeAbsent`.
        """
        ...

    async def hosted(self, node: NodeId | None = None) -> Sequence[Hosting]:
        """Read which swarms have a host, those of one node or all, by the ids of the swarms."""
        ...

    async def sweep(self, *, limit: int = 256) -> Missed:
        """Call the roll: orphan up to `limit` swarms of absent nodes, those longest absent first.

        A node is forgotten with its last swarm. Any number of processes may call at once.
        """
        ...

    async def adopt(self, node: NodeId, *, limit: int = 64) -> Sequence[SwarmId]:
        """Make a node the host of up to `limit` orphans; gives those that are recovering under it.

        Whoever adopts a swarm that its host's loss interrupted has it recovering, with one winner,
        and resumes it; until then each call gives it again. What stood still before, or went on
        meanwhile, only gets a host. Raises `NodeAbsent`.
        """
        ...


class Registered(Protocol):
    """What a store has for fleets of processes."""

    @property
    def census(self) -> Census:
        """Nodes and hosts."""
        ...
