"""A clock that moves only when it is told to."""

import asyncio
import heapq
from itertools import count
from typing import Final

from typing_extensions import override

START_S: Final = 1_800_000_000.0
"""Where a manual clock begins, in seconds since 1970."""


class ManualClock:
    """Time under the hand of a test: `advance` moves it and wakes whoever slept so far.

    >>> clock = ManualClock(start_s=100.0)
    >>> clock.advance(2.5)
    >>> clock.now(), clock.monotonic()
    (102.5, 2.5)
    """

    def __init__(self, start_s: float = START_S) -> None:
        self._start_s = start_s
        self._passed_s = 0.0
        self._turned_s = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Seconds since 1970, as far as this clock was told."""
        return self._start_s + self._passed_s + self._turned_s

    def monotonic(self) -> float:
        """Seconds that were advanced so far."""
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        """Rest until the clock was advanced by so much."""
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251 - no rest, but others get their turn
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed_s + seconds, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake the sleepers that are due, in the order of their times."""
        assert seconds >= 0, "time does not run backwards; `turn` sets the time of day"
        self._passed_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._passed_s:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    def turn(self, seconds: float) -> None:
        """Set the time of day forward or back, as an operator or NTP does; no time passes."""
        self._turned_s += seconds


class ImpatientClock(ManualClock):
    """A clock on which a rest is over as soon as the others have had their turn."""

    @override
    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(max(seconds, 0.0))
        await super().sleep(0)
