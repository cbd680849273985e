"""When a node is absent, what its loss does to the swarms it hosted, and who adopts them.

A swarm that lost its host is interrupted when it was at work, and stays as it is when it was paused
or interrupted already: what a person decided is not undone by an adoption.
"""

from enum import StrEnum
from typing import Final

from skep.records.errors import InvalidInput
from skep.records.limits import HEARTBEAT_S_MAX, HEARTBEATS_MISSED_MAX
from skep.records.node import Hosting, HostState, Node, NodeId
from skep.records.swarm import ENDED, SwarmMove, SwarmStatus

LOST: Final = "its host was lost"
"""Why a swarm is interrupted whose host missed its beats."""

INTERRUPTED_BY_LOSS: Final = frozenset({SwarmStatus.ACTIVE, SwarmStatus.RECOVERING})

BACK: Final = frozenset({SwarmMove.RESUME, SwarmMove.PAUSE, SwarmMove.RECOVER})
"""The moves that lead out of `interrupted` without ending the swarm."""


class Fate(StrEnum):
    """What becomes of an orphan when somebody adopts."""

    DROP = "drop"
    TAKE = "take"
    RECOVER = "recover"
    AGAIN = "again"
    DONE = "done"
    SKIP = "skip"


def check_node(node: Node) -> None:
    """Refuse a node that nobody could tell from another. Raises `InvalidInput`."""
    if not node.id:
        raise InvalidInput("A node needs an id.")
    if not 0 < node.heartbeat_s <= HEARTBEAT_S_MAX:
        raise InvalidInput(
            f"A heartbeat of {node.heartbeat_s:g} s makes no sense.",
            hint=f"Say more than 0 and at most {HEARTBEAT_S_MAX:g} seconds.",
        )


def until_of(heartbeat_s: float, *, now: float) -> float:
    """Give the moment from which a node that beats now counts as absent.

    >>> until_of(30.0, now=1000.0)
    1090.0
    """
    return now + HEARTBEATS_MISSED_MAX * heartbeat_s


def is_absent(until: float, *, now: float) -> bool:
    """Say whether a node is absent.

    A moment further away than any heartbeat reaches was written before the clock was set back, and
    counts as over: else a dead host would count as present for as long as the clock was moved.

    >>> is_absent(10.0, now=11.0), is_absent(11.0, now=11.0), is_absent(1e9, now=11.0)
    (True, False, True)
    """
    return until < now or until > now + 2 * until_of(HEARTBEAT_S_MAX, now=0.0)


def loss_of(status: SwarmStatus) -> SwarmMove | None:
    """The move of a swarm whose host was lost, if there is any."""
    return SwarmMove.INTERRUPT if status in INTERRUPTED_BY_LOSS else None


def fate_of(
    hosting: Hosting, status: SwarmStatus, *, node: NodeId, has_moved: bool = False
) -> Fate:
    """Say what a node that adopts does with a swarm.

    `has_moved` says whether the swarm left `interrupted` since its host was lost: then it is
    where a person or another process brought it, and only gets a host.
    """
    if status in ENDED:
        return Fate.DROP
    if hosting.state is HostState.ADOPTING:
        if hosting.node != node:
            return Fate.SKIP
        return Fate.AGAIN if status is SwarmStatus.RECOVERING else Fate.DONE
    is_ours = hosting.seq > 0 and not has_moved
    if status is SwarmStatus.INTERRUPTED and is_ours:
        return Fate.RECOVER
    return Fate.TAKE
