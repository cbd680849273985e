"""Time and chance, which arrive as arguments so that tests can hold them."""

from random import Random
from typing import Protocol


class Clock(Protocol):
    """The time of day and the passing of time."""

    def now(self) -> float:
        """Seconds since 1970, as the store writes them."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Rest for so long; ends early only by cancellation."""
        ...


class Chance(Protocol):
    """Randomness: for secrets, and for spreading load."""

    def nonce(self) -> str:
        """128 bits nobody can guess, as 32 hex digits."""
        ...

    def uuid(self) -> str:
        """A UUID version 7: unique, and ordered by the time of its making."""
        ...

    @property
    def jitter(self) -> Random:
        """A generator for spreading load; not for secrets."""
        ...
