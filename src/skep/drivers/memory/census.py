"""The memory store's census."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import SwarmRow, Tables
from skep.policy.hosting import (
    BACK,
    LOST,
    Fate,
    check_node,
    fate_of,
    is_absent,
    loss_of,
    until_of,
)
from skep.records.errors import SkepError, SwarmNotFound
from skep.records.fleet_errors import NodeAbsent
from skep.records.ids import SwarmId
from skep.records.node import Hosting, HostState, Missed, Node, NodeId
from skep.records.swarm import ENDED, SwarmMove

ORPHANED: Final = HostState.ORPHANED


class MemoryCensus:
    """Nodes and hosts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def enrol(self, node: Node) -> Node:
        """See `ports.census.Census.enrol`."""
        check_node(node)
        with self._desk.change() as changes:
            changes.tables.nodes[node.id] = replace(node, started_at=changes.at)
            return _counted(changes.tables, _heard(changes, node.id))

    async def beat(self, nodes: Sequence[NodeId]) -> Sequence[bool]:
        """See `ports.census.Census.beat`."""
        with self._desk.change() as changes:
            return [_beat(changes, node) for node in nodes]

    async def leave(self, node: NodeId) -> bool:
        """See `ports.census.Census.leave`."""
        with self._desk.change() as changes:
            known = changes.tables.nodes
            if node in known:
                known[node] = replace(known[node], until=0.0)
            return node in known

    async def nodes(self) -> Sequence[Node]:
        """See `ports.census.Census.nodes`."""
        with self._desk.look() as tables:
            return every_node(tables)

    async def host(
        self, swarms: Sequence[SwarmId], node: NodeId, *, is_adoptable: bool = True
    ) -> Sequence[bool | SkepError]:
        """See `ports.census.Census.host`."""
        with self._desk.change() as changes:
            _check_present(changes, node)
            tables, is_so = changes.tables, is_adoptable
            return [_host(tables, each, node, is_adoptable=is_so) for each in swarms]

    async def hosted(self, node: NodeId | None = None) -> Sequence[Hosting]:
        """See `ports.census.Census.hosted`."""
        with self._desk.look() as tables:
            return [each for each in every_hosting(tables) if node in (None, each.node)]

    async def sweep(self, *, limit: int = 256) -> Missed:
        """See `ports.census.Census.sweep`."""
        with self._desk.change() as changes:
            return _sweep(changes, limit)

    async def adopt(self, node: NodeId, *, limit: int = 64) -> Sequence[SwarmId]:
        """See `ports.census.Census.adopt`."""
        with self._desk.change() as changes:
            _check_present(changes, node)
            rows = every_hosting(changes.tables)
            adopting = [each for each in rows if each.state is HostState.ADOPTING]
            orphans = [each for each in rows if each.state is ORPHANED]
            asked = [*adopting, *orphans[:limit]]
            return [each.swarm for each in asked if _adopt(changes, each, node)]


def every_node(tables: Tables) -> list[Node]:
    """Show every node, by its id."""
    return [_counted(tables, node) for _, node in sorted(tables.nodes.items())]


def _counted(tables: Tables, node: Node) -> Node:
    hosted = [each.node for each in tables.hostings.values() if each.state is not ORPHANED]
    return replace(node, swarms=hosted.count(node.id))


def every_hosting(tables: Tables) -> list[Hosting]:
    """Show every swarm's host, by the ids of the swarms."""
    return [hosting for _, hosting in sorted(tables.hostings.items())]


def _heard(changes: Changes, node: NodeId) -> Node:
    known = changes.tables.nodes
    until = until_of(known[node].heartbeat_s, now=changes.at)
    known[node] = replace(known[node], beat_at=changes.at, until=until)
    return known[node]


def _beat(changes: Changes, node: NodeId) -> bool:
    known = changes.tables.nodes.get(node)
    if known is None or known.until == 0.0:
        return False
    _heard(changes, node)
    return True


def _check_present(changes: Changes, node: NodeId) -> None:
    known = changes.tables.nodes.get(node)
    if known is None or is_absent(known.until, now=changes.at):
        raise NodeAbsent(node=node)


def _host(tables: Tables, swarm: SwarmId, node: NodeId, *, is_adoptable: bool) -> bool | SkepError:
    row = tables.swarms.get(swarm)
    if row is None:
        return SwarmNotFound(swarm=swarm)
    if row.status in ENDED:
        return False
    tables.hostings[swarm] = Hosting(swarm=swarm, node=node, is_adoptable=is_adoptable)
    return True


def _sweep(changes: Changes, limit: int) -> Missed:
    tables, gone, interrupted = changes.tables, list[NodeId](), list[SwarmId]()
    for node in _absent(changes):
        swarms = [
            each
            for each in every_hosting(tables)
            if each.node == node and each.state is not ORPHANED
        ]
        for each in swarms[:limit]:
            if _orphan(changes, each):
                interrupted.append(each.swarm)
        limit -= len(swarms)
        if limit < 0:
            break
        del tables.nodes[node]
        gone.append(node)
    return Missed(nodes=tuple(gone), swarms=tuple(interrupted))


def _absent(changes: Changes) -> Iterable[NodeId]:
    nodes = changes.tables.nodes.values()
    absent = [node for node in nodes if is_absent(node.until, now=changes.at)]
    return [node.id for node in sorted(absent, key=lambda node: (node.until, node.id))]


def _orphan(changes: Changes, hosting: Hosting) -> bool:
    """Take a swarm's host away; says whether that interrupted it."""
    tables = changes.tables
    row = tables.swarms[hosting.swarm]
    move = loss_of(row.status)
    if move is not None:
        changes.move_swarm(row, move, reason=LOST)
    if row.status in ENDED or not hosting.is_adoptable:
        del tables.hostings[row.id]
    else:
        seq = len(row.events) if move is not None else 0
        tables.hostings[row.id] = replace(hosting, state=ORPHANED, seq=seq)
    return move is not None


def _adopt(changes: Changes, hosting: Hosting, node: NodeId) -> bool:
    """Adopt a swarm if it may be; says whether it is recovering under the node."""
    tables = changes.tables
    row = tables.swarms[hosting.swarm]
    has_moved = _has_moved(row, hosting.seq)
    does = fate_of(hosting, row.status, node=node, has_moved=has_moved)
    if does is Fate.DROP:
        del tables.hostings[row.id]
    elif does is Fate.RECOVER:
        changes.move_swarm(row, SwarmMove.RECOVER, reason=f"adopted by {node}")
        tables.hostings[row.id] = replace(hosting, node=node, state=HostState.ADOPTING)
    elif does in (Fate.TAKE, Fate.DONE):
        tables.hostings[row.id] = replace(hosting, node=node, state=HostState.HOSTED, seq=0)
    return does in (Fate.RECOVER, Fate.AGAIN)


def _has_moved(row: SwarmRow, seq: int) -> bool:
    return any(event.kind in BACK for event in row.events[seq:])
