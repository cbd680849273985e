"""All the invariants that one dump can prove."""

from collections import defaultdict

from skep.ports.inspection import Dump, RingSeat
from skep.records.ids import SwarmId
from skep.testing.invariants.approvals import check_approvals
from skep.testing.invariants.census import check_census
from skep.testing.invariants.disputes import check_disputes
from skep.testing.invariants.gates import check_gates
from skep.testing.invariants.holdings import check_contents
from skep.testing.invariants.leadership import check_leadership
from skep.testing.invariants.logs import (
    check_bounds,
    check_journal,
    check_log,
    check_outcomes,
    check_whole,
)
from skep.testing.invariants.messages import check_messages
from skep.testing.invariants.placing import check_placing
from skep.testing.invariants.plan import check_edges, check_nothing_lost, check_readiness
from skep.testing.invariants.pools import check_pools
from skep.testing.invariants.purses import check_purses
from skep.testing.invariants.queue import (
    check_counts,
    check_deadlines,
    check_entries,
    check_holders,
)
from skep.testing.invariants.replay import check_replay
from skep.testing.invariants.report import hold
from skep.testing.invariants.told import check_told
from skep.testing.invariants.view import View, views


def check(dump: Dump) -> None:
    """Raise `InvariantBroken`, naming the first invariant that does not hold."""
    seats = defaultdict[SwarmId, list[RingSeat]](list)
    for seat in dump.seats:
        seats[seat.swarm].append(seat)
    known = {swarm.id for swarm in dump.swarms}
    hold(4, f"seats of unknown swarms {seats.keys() - known}", that=seats.keys() <= known)
    hold(25, "events of unknown swarms", that={event.swarm for event in dump.events} <= known)
    for view in views(dump):
        _check_swarm(view, seats[view.swarm.id])
    check_holders(dump)
    check_contents(dump)
    check_journal(dump)
    check_approvals(dump)
    check_purses(dump)
    check_gates(dump)
    check_told(dump)
    check_messages(dump)
    check_leadership(dump)
    check_census(dump)
    check_placing(dump)
    check_pools(dump)
    check_disputes(dump)


def _check_swarm(view: View, seats: list[RingSeat]) -> None:
    check_log(view)
    check_edges(view)
    check_replay(view)
    check_readiness(view)
    check_nothing_lost(view)
    check_entries(view, seats)
    check_counts(view)
    for task in view.tasks.values():
        check_deadlines(task)
        check_whole(task)
    check_outcomes(view)
    check_bounds(view)
