"""Offering a store again what must not be lost while it does not answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from skep.policy.persistence import RESTS
from skep.ports.system import Clock
from skep.records.errors import StoreUnavailable

Answer = TypeVar("Answer")


async def offered(ask: Callable[[], Awaitable[Answer]], clock: Clock) -> Answer:
    """Ask a store, and ask again after a rest each time that it does not answer.

    For what is safe to repeat. Raises `StoreUnavailable` when the last try went as the others.
    """
    for rest_s in RESTS:
        try:
            return await ask()
        except StoreUnavailable:
            await clock.sleep(rest_s)
    return await ask()
