"""Nodes: the processes of a fleet, and which of them is the host of a swarm.

Moments are seconds since 1970 by the store's clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from skep.records.ids import SwarmId

NodeId = NewType("NodeId", str)
"""The name of one live process; a worker's is its identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A process of the fleet: where it runs, what it offers, and when it was last heard of.

    `host` names the machine and `boot` one start of it. It means to beat every `heartbeat_s`;
    `until` is the moment from which it counts as absent, 0 for one that has left. `swarms` is how
    many it hosts, as the store counts them.
    """

    id: NodeId
    host: str = ""
    pid: int = 0
    boot: str = ""
    queues: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    slots: int = 0
    heartbeat_s: float = 30.0
    started_at: float = 0.0
    beat_at: float = 0.0
    until: float = 0.0
    swarms: int = 0


class HostState(StrEnum):
    """How a swarm stands to its host."""

    HOSTED = "hosted"
    ORPHANED = "orphaned"
    ADOPTING = "adopting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """Which node is the host of a swarm.

    Orphaned, the node is the one that was lost; adopting, the one that brings the swarm back.
    `seq` is the event by which it was interrupted for want of a host, 0 when it was not. A swarm
    that is not adoptable waits for a person: nobody else could do its work.
    """

    swarm: SwarmId
    node: NodeId
    is_adoptable: bool = True
    state: HostState = HostState.HOSTED
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What a roll call found: nodes that are gone for good, and swarms that were interrupted."""

    nodes: tuple[NodeId, ...] = ()
    swarms: tuple[SwarmId, ...] = ()
