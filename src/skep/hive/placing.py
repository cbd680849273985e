"""Distributing a task: a command that is known when it comes again, and one answer."""

from collections.abc import Sequence
from typing import Final

from skep.ports.store import Store
from skep.records.errors import SkepError, StoreUnavailable
from skep.records.placement import Distribution, Placed

TRIES: Final = 2
"""How often a distribution is asked for while the store does not answer; it is placed once."""


async def distribute(store: Store, asked: Distribution) -> Placed:
    """Place one task, once. Raises what `Placing.distribute` answers, or `StoreUnavailable`."""
    [answer] = await _ask(store, [asked])
    if isinstance(answer, SkepError):
        raise answer
    return answer


async def _ask(store: Store, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
    for _ in range(TRIES - 1):
        try:
            return await store.placing.distribute(asked)
        except StoreUnavailable:
            continue  # whether it was placed is known to the store alone
    return await store.placing.distribute(asked)
