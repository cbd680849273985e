"""The Redis store's census."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from skep.drivers.redis.ports import Desk
from skep.policy.hosting import check_node
from skep.records.errors import SkepError, SwarmNotFound
from skep.records.fleet_errors import NodeAbsent
from skep.records.ids import SwarmId
from skep.records.node import Hosting, HostState, Missed, Node, NodeId
from skep.records.values import canonical, parsed


class RedisCensus:
    """Nodes and hosts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def enrol(self, node: Node) -> Node:
        """See `ports.census.Census.enrol`."""
        check_node(node)
        told = (node.id, repr(node.heartbeat_s), _told(node))
        at, until, swarms = await self._desk.call("enrol", *told)
        moments = {"started_at": float(at), "beat_at": float(at), "until": float(until)}
        return replace(node, swarms=int(swarms), **moments)

    async def beat(self, nodes: Sequence[NodeId]) -> Sequence[bool]:
        """See `ports.census.Census.beat`."""
        return [bool(heard) for heard in await self._desk.call("beat", *nodes)]

    async def leave(self, node: NodeId) -> bool:
        """See `ports.census.Census.leave`."""
        return bool(await self._desk.call("leave", node))

    async def nodes(self) -> Sequence[Node]:
        """See `ports.census.Census.nodes`."""
        return await every_node(self._desk)

    async def host(
        self, swarms: Sequence[SwarmId], node: NodeId, *, is_adoptable: bool = True
    ) -> Sequence[bool | SkepError]:
        """See `ports.census.Census.host`."""
        answer = await self._desk.call("host", node, int(is_adoptable), *swarms)
        if answer == ["ABSENT"]:
            raise NodeAbsent(node=node)
        return [
            SwarmNotFound(swarm=swarm) if word == "NOSWARM" else word == "OK"
            for swarm, word in zip(swarms, answer, strict=True)
        ]

    async def hosted(self, node: NodeId | None = None) -> Sequence[Hosting]:
        """See `ports.census.Census.hosted`."""
        return await every_hosting(self._desk, node)

    async def sweep(self, *, limit: int = 256) -> Missed:
        """See `ports.census.Census.sweep`."""
        nodes, swarms = await self._desk.call("call_roll", limit)
        return Missed(nodes=tuple(map(NodeId, nodes)), swarms=tuple(map(SwarmId, swarms)))

    async def adopt(self, node: NodeId, *, limit: int = 64) -> Sequence[SwarmId]:
        """See `ports.census.Census.adopt`."""
        word, *adopted = await self._desk.call("adopt", node, limit)
        if word == "ABSENT":
            raise NodeAbsent(node=node)
        return [SwarmId(swarm) for swarm in adopted[0]]


async def every_node(desk: Desk) -> list[Node]:
    """Read every node, by its id."""
    flat: list[str] = await desk.wire.command("ZRANGE", "skep:nodes", 0, -1, "WITHSCORES")
    known = sorted(zip(flat[::2], map(float, flat[1::2]), strict=True))
    seen = await desk.wire.commands(
        [
            command
            for node, _ in known
            for command in (("HGETALL", f"skep:node:{node}"), ("SCARD", f"skep:hosted:{node}"))
        ]
    )
    return [
        _node(node, dict(zip(row[::2], row[1::2], strict=True)), until=until, swarms=swarms)
        for (node, until), row, swarms in zip(known, seen[::2], seen[1::2], strict=True)
        if row  # else another process has forgotten it meanwhile
    ]


async def every_hosting(desk: Desk, node: NodeId | None = None) -> list[Hosting]:
    """Read which swarms have a host, by the ids of the swarms."""
    return [_hosting(row) for row in sorted(await desk.life.call("hosted", node or ""))]


def _told(node: Node) -> str:
    return canonical(
        {
            "host": node.host,
            "pid": node.pid,
            "boot": node.boot,
            "queues": [*node.queues],
            "capabilities": [*node.capabilities],
            "slots": node.slots,
        }
    )


def _node(node: str, row: Mapping[str, str], *, until: float, swarms: int) -> Node:
    told = cast("Mapping[str, Any]", parsed(row["told"]))
    return Node(
        id=NodeId(node),
        host=told["host"],
        pid=told["pid"],
        boot=told["boot"],
        queues=tuple(told["queues"]),
        capabilities=tuple(told["capabilities"]),
        slots=told["slots"],
        heartbeat_s=float(row["heartbeat_s"]),
        started_at=float(row["started_at"]),
        beat_at=float(row["beat_at"]),
        until=until,
        swarms=swarms,
    )


def _hosting(row: Sequence[str]) -> Hosting:
    swarm, node, words = row
    state, is_adoptable, seq = words.split()
    return Hosting(
        swarm=SwarmId(swarm),
        node=NodeId(node),
        is_adoptable=is_adoptable == "1",
        state=HostState(state),
        seq=int(seq),
    )
