"""The ears of one process: published hints ring the bell of whoever waits for their topic."""

import asyncio
from contextlib import suppress
from itertools import takewhile
from typing import Any, Final

from redis.exceptions import RedisError

from skep.drivers.bell import Bell, rest_topic
from skep.drivers.redis.wire import Wire, rest
from skep.policy.mailing import MAIL_TOPIC

REST_S: Final = 0.5
"""How long the listener rests when its connection is lost; the safety poll goes on meanwhile."""

LISTEN_S: Final = 1.0

RESTS: Final = "skep:rests"
"""The channel that tells of every swarm that has come to rest, by its id."""


class Rung:
    """The channels that rang, the last one last, each with the number of its last ring."""

    def __init__(self) -> None:
        self.last = 0
        self._channels: dict[str, int] = {}

    def note(self, channel: str) -> None:
        """Write down that a channel rang."""
        self.last += 1
        self._channels.pop(channel, None)
        self._channels[channel] = self.last

    def since(self, number: int) -> set[str]:
        """Name the channels that rang after the ring of a number."""
        later = takewhile(lambda pair: pair[1] > number, reversed(self._channels.items()))
        return {channel for channel, _ in later}


class Ears:
    """Hears the topics that were asked for, on one connection, until it is closed."""

    def __init__(self, wire: Wire, bell: Bell) -> None:
        self._wire = wire
        self._bell = bell
        self._topics: set[str] = set()
        self._subscription: Any = None
        self._listening: asyncio.Task[None] | None = None
        self.rung = Rung()

    async def listen(self, *topics: str) -> None:
        """Begin to hear topics; to be called before the look that a ring must not slip past."""
        new = set(topics) - self._topics
        if not new:
            return
        with suppress(RedisError, OSError):  # without ears there is the safety poll
            if self._subscription is None:
                self._subscription = self._wire.subscription()
            await self._subscription.subscribe(*new)
            self._topics |= new
            if self._listening is None:
                self._listening = asyncio.create_task(self._listen(), name="skep-redis-hints")

    async def close(self) -> None:
        """Stop hearing."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._subscription is not None:
            with suppress(RedisError, OSError):
                await self._subscription.aclose()

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._subscription.get_message(timeout=LISTEN_S)
            except (RedisError, OSError):
                await rest(REST_S)
                continue
            if message is not None:
                channel = message["channel"].decode()
                self.rung.note(channel)
                self._bell.ring([_topic(channel, message["data"])])


def _topic(channel: str, told: bytes) -> str:
    """A channel is a topic of the same name, but for that of the swarms that come to rest."""
    if channel == RESTS:
        return rest_topic(told.decode())
    # What is announced as JSON is a message; the rest is work, or events.
    return MAIL_TOPIC if told.startswith(b"{") else channel
