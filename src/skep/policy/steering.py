"""Whether an order asks for what is so already, which changes nothing and is no error."""

from skep.policy.purse import check_budget
from skep.policy.telling import check_telling
from skep.records.command import STEERING, Order
from skep.records.errors import IllegalMove, InvalidInput, LimitExceeded
from skep.records.limits import SWARM_AGENTS_MAX
from skep.records.purse import Budget
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.values import Json

_GOALS = {
    SwarmMove.PAUSE: SwarmStatus.PAUSED,
    SwarmMove.INTERRUPT: SwarmStatus.INTERRUPTED,
    SwarmMove.CANCEL: SwarmStatus.CANCELLED,
}


def check_steering(order: Order) -> None:
    """Refuse what nobody may ask for.

    Raises `IllegalMove` for a move of the engine's own, `LimitExceeded` or `InvalidInput` for a
    cap that is none or a message that is too long, `InvalidInput` for a budget or a message that
    is none.
    """
    if order.move not in STEERING:
        raise IllegalMove(status="any", move=order.move)
    if order.move is SwarmMove.RAISE and order.budget in (None, Budget()):
        raise InvalidInput("A budget needs a limit.", hint="Name dollars, tokens or requests.")
    check_budget(order.budget)
    if order.move is SwarmMove.TELL:
        check_telling(order)
    if order.move is SwarmMove.CAP:
        if order.max_agents is None:
            raise InvalidInput("A cap needs the number of tasks that may run at once.")
        if not 1 <= order.max_agents <= SWARM_AGENTS_MAX:
            raise LimitExceeded(
                limit="SWARM_AGENTS_MAX", allowed=SWARM_AGENTS_MAX, actual=order.max_agents
            )


def is_so_already(order: Order, status: SwarmStatus, *, sealed: bool, cap: int) -> bool:
    """Say whether the swarm is where the order leads."""
    match order.move:
        case SwarmMove.SEAL:
            return sealed
        case SwarmMove.CAP:
            return order.max_agents == cap
        case _:
            return _GOALS.get(order.move) is status


def capped(order: Order, *, was: int) -> dict[str, Json]:
    """What the event of a new cap tells."""
    return {"max_agents": order.max_agents, "was": was, "reason": order.reason}
