"""The system's own clock and randomness: the only place that asks for either."""

import asyncio
import random
import secrets
import time

from skep.records.ids import uuid7

UUID_RANDOM_BITS = 74


class SystemClock:
    """The wall clock and the monotonic clock of this machine."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Rest on the running event loop."""
        await asyncio.sleep(seconds)


class SystemChance:
    """Randomness from the operating system."""

    def __init__(self) -> None:
        self._jitter = random.Random()  # noqa: S311 - spreads load, guards nothing

    def nonce(self) -> str:
        """128 bits nobody can guess."""
        return secrets.token_hex(16)

    def uuid(self) -> str:
        """A fresh UUID version 7."""
        return uuid7(
            unix_ms=time.time_ns() // 1_000_000, random_bits=secrets.randbits(UUID_RANDOM_BITS)
        )

    @property
    def jitter(self) -> random.Random:
        """A generator for spreading load."""
        return self._jitter
