"""Random histories in which nodes come and go, and swarms lose their hosts and get others."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.node import Node, NodeId
from skep.records.swarm import SwarmMove
from skep.testing.gate_machine import GateMachine
from skep.testing.samples import order
from skep.testing.strategies import SWARMS
from skep.testing.twins import Answer, Command

NODES: Final = st.sampled_from([NodeId("n1"), NodeId("n2"), NodeId("n3")])
MEANT: Final = st.sampled_from([SwarmId(swarm) for swarm in (*SWARMS, "ghost")])


class CensusMachine(GateMachine):
    """The machine of the store, with nodes and hosts; some beat as seldom as every minute."""

    @rule(node=NODES, heartbeat_s=st.sampled_from([2.0, 10.0, 60.0]))
    def enrol(self, node: NodeId, *, heartbeat_s: float) -> None:
        """Write a node down, or down again."""
        told = Node(id=node, host="here", queues=("default",), heartbeat_s=heartbeat_s)
        self.all_of(lambda store: store.census.enrol(told))

    @rule(nodes=st.lists(NODES, max_size=3))
    def beat(self, nodes: list[NodeId]) -> None:
        """Hear of nodes, enrolled or not."""
        self.all_of(lambda store: store.census.beat(nodes))

    @rule(node=NODES)
    def part(self, node: NodeId) -> None:
        """Have a node leave."""
        self.all_of(lambda store: store.census.leave(node))

    @rule(node=NODES, swarms=st.lists(MEANT, min_size=1, max_size=3), is_adoptable=st.booleans())
    def host(self, node: NodeId, *, swarms: list[SwarmId], is_adoptable: bool) -> None:
        """Give swarms a host, which may be absent, as they may be gone."""
        self._ask(lambda store: store.census.host(swarms, node, is_adoptable=is_adoptable))

    @rule(limit=st.sampled_from([1, 2, 256]))
    def call_roll(self, limit: int) -> None:
        """Orphan the swarms of absent nodes."""
        self.all_of(lambda store: store.census.sweep(limit=limit))

    @rule(node=NODES, limit=st.sampled_from([1, 64]), resumes=st.booleans())
    def adopt(self, node: NodeId, *, limit: int, resumes: bool) -> None:
        """Adopt orphans, and perhaps let them go on."""
        adopted = self._ask(lambda store: store.census.adopt(node, limit=limit))
        if resumes and not isinstance(adopted, SkepError):
            orders = [order(str(swarm), SwarmMove.RESUME) for swarm in adopted]
            self.all_of(lambda store: store.work.steer(orders))

    @rule(node=NODES)
    def look_at_hosts(self, node: NodeId) -> None:
        """Read the hosts of all swarms, and the swarms of one node."""
        self.unmoved(lambda store: store.census.hosted(node))

    def _ask(self, command: Command[Answer]) -> Answer | SkepError:
        """Ask both stores, who may refuse alike."""
        return self.runner.run(self.twins.ask(command))
