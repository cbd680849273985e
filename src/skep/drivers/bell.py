"""Wake-ups inside one process: whoever waits for a topic is woken once after it rings.

A bell is a hint. It counts its rings, so that a ring between a look and a wait is not lost: the
waiter passes the count it saw before it looked. Safe to ring from any thread, and to wait on from
any event loop.
"""

import asyncio
import math
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from skep.ports.system import Clock

Seen = TypeVar("Seen")

REST_PREFIX: Final = "rest:"


class Bell:
    """Topics that can be rung and waited for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rings: dict[str, int] = {}
        self._waiting: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def heard(self, topic: str) -> int:
        """Count the rings of a topic so far; from here on they are counted."""
        with self._lock:
            return self._rings.setdefault(topic, 0)

    def ring(self, topics: Iterable[str]) -> None:
        """Wake everyone who waits for one of `topics`."""
        with self._lock:
            for topic in topics:
                if topic in self._rings:  # what nobody ever asked about is not counted
                    self._rings[topic] += 1
                for waiter in self._waiting.pop(topic, ()):
                    _wake(waiter)

    def ring_all(self) -> None:
        """Wake everyone, whatever they wait for."""
        with self._lock:
            topics = {*self._rings, *self._waiting}
        self.ring(topics)

    async def wait(self, topic: str, *, since: int, patience_s: float) -> bool:
        """Wait until the topic has rung more often than `since`; False when patience ran out."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._rings.get(topic, 0) != since:
                return True
            self._waiting[topic].append(waiter)
        try:
            # Not `wait_for`, which in Python 3.11 loses a cancellation that comes with the ring.
            async with asyncio.timeout(patience_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._forget(topic, waiter)
        return True

    def _forget(self, topic: str, waiter: asyncio.Future[None]) -> None:
        with self._lock:
            waiting = self._waiting.get(topic, [])
            if waiter in waiting:
                waiting.remove(waiter)


def rest_topic(swarm: str) -> str:
    """The topic that rings whenever a swarm has come to rest."""
    return REST_PREFIX + swarm


async def _unknown() -> int | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks again and again, woken by a bell, with a slow poll behind it for lost rings.

    A poll asks for the `version` first, a number that others change by writing, and does not look
    when it is still the same; None is always another one.
    """

    bell: Bell
    clock: Clock
    poll_s: float = math.inf
    version: Callable[[], Awaitable[int | None]] = _unknown

    async def until(
        self,
        found: Callable[[Seen], bool],
        look: Callable[[], Awaitable[Seen]],
        *,
        topic: str,
        patience_s: float,
    ) -> Seen:
        """Look, and whenever the topic rings look again, until something is found.

        Gives what was seen last when patience ran out; without patience it looks once.
        """
        deadline = self.clock.monotonic() + patience_s
        version: int | None = None
        while True:
            heard = self.bell.heard(topic)
            seen = await look()
            left = deadline - self.clock.monotonic()
            if found(seen) or left <= 0:
                return seen
            while not await self.bell.wait(topic, since=heard, patience_s=min(left, self.poll_s)):
                # Asked before the look, so that what is written in between is seen by the next.
                before, version = version, await self.version()
                if version is None or version != before:
                    break
                left = deadline - self.clock.monotonic()
                if left <= 0:
                    return seen


def _wake(waiter: asyncio.Future[None]) -> None:
    with suppress(RuntimeError):  # its loop was closed meanwhile, and nobody waits any more
        waiter.get_loop().call_soon_threadsafe(_set, waiter)


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
