"""Orders to swarms, each under a name, so that one whose answer was lost may be given again."""

from collections.abc import Sequence
from typing import Final, TypedDict

from skep.ports.store import Store
from skep.records.command import Order
from skep.records.errors import SkepError, StoreUnavailable
from skep.records.ids import TaskKey
from skep.records.purse import Budget
from skep.records.swarm import SwarmStatus

ORDER_TRIES: Final = 2
"""How often an order is given while the store does not answer; one that came back does at once."""


class Ordered(TypedDict, total=False):
    """What an order may say besides its swarm and its move; see `Order`."""

    tasks: tuple[TaskKey, ...]
    reason: str
    max_agents: int
    is_replay: bool
    budget: Budget
    text: str
    by: str


async def give(store: Store, orders: Sequence[Order]) -> Sequence[SwarmStatus | SkepError]:
    """Give orders, all of which have a name; each is carried out once, or answered with a refusal.

    Raises `StoreUnavailable`; then the same orders are safe to give again.
    """
    for _ in range(ORDER_TRIES - 1):
        try:
            return await store.work.steer(orders)
        except StoreUnavailable:
            continue  # whether they were carried out is known to the store alone
    return await store.work.steer(orders)
