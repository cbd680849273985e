"""Invariants of the census: whose host is whose, and what was orphaned."""

from skep.ports.inspection import Dump
from skep.records.node import Hosting, HostState
from skep.records.swarm import SwarmStatus
from skep.testing.invariants.report import hold


def check_census(dump: Dump) -> None:
    """Invariants 57 to 59: what a look at the nodes and hosts can prove."""
    nodes = {node.id: node for node in dump.nodes}
    swarms = {swarm.id: swarm.status for swarm in dump.swarms}
    for each in dump.hostings:
        hold(58, f"{each.swarm} has a host and is not there", that=each.swarm in swarms)
        is_hosted = each.state is not HostState.ORPHANED
        hold(58, f"{each.swarm} has an unknown host", that=not is_hosted or each.node in nodes)
        _check_state(each, swarms[each.swarm])
    for node in dump.nodes:
        of_it = [each for each in dump.hostings if each.node == node.id]
        hosts = sum(each.state is not HostState.ORPHANED for each in of_it)
        hold(58, f"{node.id} hosts {hosts}, not {node.swarms}", that=hosts == node.swarms)


def _check_state(each: Hosting, status: SwarmStatus) -> None:
    """Only what may be adopted is adrift, and only what a loss interrupted is brought back."""
    is_hosted = each.state is HostState.HOSTED
    hold(59, f"{each.swarm} is adrift for nobody", that=is_hosted or each.is_adoptable)
    hold(59, f"{each.swarm} was never lost", that=each.seq == 0 or not is_hosted)
    is_adopting = each.state is HostState.ADOPTING
    hold(59, f"{each.swarm} was not lost", that=each.seq > 0 or not is_adopting)
    waits = each.state is HostState.ORPHANED and each.seq == 0
    hold(
        59, f"{each.swarm} is left at work", that=not waits or status is not SwarmStatus.RECOVERING
    )
