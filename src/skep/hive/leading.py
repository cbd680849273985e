"""Leading from one process: an elector, and the duties that a leader has from the start."""

from skep.hive.caretaker import Caretaker
from skep.hive.coordinator import Duty, SwarmCoordinator
from skep.hive.duties import Announcement, Tidying, everyday_duties
from skep.hive.election import Elector
from skep.hive.fleet import Fleet
from skep.hive.snapshots import Snapshots
from skep.ports.system import Clock


def coordinator_of(
    fleet: Fleet,
    elector: Elector,
    *,
    clock: Clock,
    caretaker: Caretaker | None = None,
    announces: bool = False,
) -> SwarmCoordinator:
    """Make whoever leads the fleet from this process, when it is elected.

    With a `caretaker` it tidies as well; where it `announces`, every live swarm is told who leads.
    """
    store = fleet.store
    duties: list[Duty] = [*everyday_duties(store), Snapshots(state=fleet.state)]
    if caretaker is not None:
        duties.append(Tidying(caretaker=caretaker))
    if announces:
        duties.append(Announcement(messenger=fleet.messenger("", agent=elector.node)))
    return SwarmCoordinator(elector, store.terms, clock, duties=duties)
