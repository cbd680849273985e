"""Whether an order asks for what is so already, which changes nothing and is no error."""

from skep.records.command import STEERING
from skep.records.errors import IllegalMove
from skep.records.swarm import SwarmMove, SwarmStatus

_GOALS = {
    SwarmMove.PAUSE: SwarmStatus.PAUSED,
    SwarmMove.INTERRUPT: SwarmStatus.INTERRUPTED,
    SwarmMove.CANCEL: SwarmStatus.CANCELLED,
}


def check_steering(move: SwarmMove) -> None:
    """Refuse a move that nobody may ask for; raises `IllegalMove`."""
    if move not in STEERING:
        raise IllegalMove(status="any", move=move)


def is_so_already(status: SwarmStatus, move: SwarmMove, *, sealed: bool) -> bool:
    """Say whether the swarm is where the move leads; raises `IllegalMove` for no steering move."""
    check_steering(move)
    return (move is SwarmMove.SEAL and sealed) or _GOALS.get(move) is status
