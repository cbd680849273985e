"""The circuit breaker: a provider that fails is left alone, and one request finds out when to stop.

Closed, it lets everything through and counts. It opens when within `window_s` at least
`failures_min` requests failed and they were half of all; then nothing goes through for a time that
doubles with each opening in a row, up to `open_s_max`. After that it is half open: one request is
the probe, and everybody else waits for what comes of it. Well, it closes; failed, it opens again;
and when its worker died the next one may try after `probe_s`. The Redis library says the same in
Lua (docs/adr/0021).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from skep.records.gate import Breaker, Passage


class BreakerState(StrEnum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """The rules of a breaker, in seconds and counts."""

    window_s: float = 20.0
    failures_min: int = 5
    open_s: float = 5.0
    open_s_max: float = 300.0
    probe_s: float = 60.0
    look_s: float = 5.0

    def state(self, breaker: Breaker, now: float) -> BreakerState:
        """Say how a breaker stands.

        >>> CircuitBreaker().state(Breaker(open_until=10.0), 9.0)
        <BreakerState.OPEN: 'open'>
        """
        if not breaker.open_until:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < breaker.open_until else BreakerState.HALF_OPEN

    def closed_until(self, breaker: Breaker, now: float) -> float | None:
        """Say until when nothing goes through; None for a request that may pass now."""
        match self.state(breaker, now):
            case BreakerState.CLOSED:
                return None
            case BreakerState.OPEN:
                return breaker.open_until
            case BreakerState.HALF_OPEN:
                is_tried = breaker.probe and now < breaker.probe_until
                return min(breaker.probe_until, now + self.look_s) if is_tried else None

    def passed(self, breaker: Breaker, request: str, now: float) -> Breaker:
        """Let a request through; behind a breaker that is half open it is the probe."""
        if not breaker.open_until:
            return breaker
        return replace(breaker, probe=request, probe_until=now + self.probe_s)

    def heard(
        self, breaker: Breaker, passage: Passage, request: str, *, successes: int, now: float
    ) -> Breaker:
        """Take in what came of a request. While it is not closed only the probe counts."""
        if not breaker.open_until:
            return self._counted(breaker, passage, successes, now=now)
        if not request or request != breaker.probe:
            return breaker
        match passage:
            case Passage.OK | Passage.LIMITED:
                return Breaker()
            case Passage.FAILED:
                return self._opened(breaker, now)
            case Passage.UNTOLD:
                return replace(breaker, probe="", probe_until=0.0)

    def _counted(
        self, breaker: Breaker, passage: Passage, successes: int, *, now: float
    ) -> Breaker:
        if not breaker.since <= now < breaker.since + self.window_s:
            breaker = Breaker(since=now)
        ok = breaker.ok + successes + (passage is Passage.OK)
        failed = breaker.failed + (passage is Passage.FAILED)
        breaker = replace(breaker, ok=ok, failed=failed)
        is_ill = failed >= self.failures_min and failed >= ok
        return self._opened(breaker, now) if is_ill and passage is Passage.FAILED else breaker

    def _opened(self, breaker: Breaker, now: float) -> Breaker:
        # The exponent is capped before the power, which would overflow a float.
        rest_s = min(self.open_s_max, self.open_s * 2.0 ** min(breaker.trips, 30))
        return Breaker(trips=breaker.trips + 1, open_until=now + rest_s)


BREAKER: Final = CircuitBreaker()
"""The rules in force."""
