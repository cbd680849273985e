"""The line over which all commands of a process go, many of them under way at once.

What is asked while an answer is awaited goes out together, in one write, and no command waits for
the answer to the one before it. A server answers in the order in which it was asked, so each
answer belongs to the longest waiting caller.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis import exceptions

WRITE_MAX: Final = 64
"""Commands in one write; more only make the answer to the first one late."""

Word = str | bytes | float


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A command, and the answer that its caller waits for."""

    words: Sequence[Word]
    is_raw: bool
    answer: asyncio.Future[Any]

    def give(self, answer: Any) -> None:
        if not self.answer.done():  # its caller may have left
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Line:
    """Commands and answers on one connection, which is made anew by the first command after a loss.

    A caller that is cancelled leaves its command under way. A lost connection fails all that was
    sent and not answered; each of these commands may have been carried out.
    """

    def __init__(self, connection: Any, *, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._unsent: deque[_Asked] = deque()
        self._sent: deque[_Asked] = deque()
        self._carrier: asyncio.Task[None] | None = None

    def ask(self, words: Sequence[Word], *, raw: bool = False) -> asyncio.Future[Any]:
        """Run one command; its answer will be text, or bytes when it is `raw`.

        The answer may be a `RedisError` or `OSError`; unless it is a `ResponseError`, the command
        may have been carried out.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._unsent.append(_Asked(words, raw, answer))
        if self._carrier is None:
            self._carrier = asyncio.create_task(self._carry(), name="skep-redis-line")
        return answer

    async def close(self) -> None:
        """Wait for the answers to what was asked, and close the connection."""
        if self._carrier is not None:
            await self._carrier
        await self._connection.disconnect()

    async def _carry(self) -> None:
        """Carry commands and answers until there are none."""
        try:
            while self._unsent or self._sent:
                try:
                    await self._converse()
                except Exception as error:  # noqa: BLE001 - nobody may be left waiting
                    await self._lose(error)
        finally:
            self._carrier = None
            if self._sent:  # cancelled, as its loop ends: the next answer is not the next asker's
                await self._lose(exceptions.ConnectionError("The connection was given up."))

    async def _converse(self) -> None:
        """Send what may go out and take the next answer, over and over, each in its time."""
        loop = asyncio.get_running_loop()
        # One timer for all of them: to set one up costs more than to read an answer.
        async with asyncio.timeout(self._timeout_s) as limit:
            while self._unsent or self._sent:
                if self._unsent and len(self._sent) < WRITE_MAX:
                    await self._send()
                await self._take()
                limit.reschedule(loop.time() + self._timeout_s)

    async def _take(self) -> None:
        asked = self._sent[0]
        try:
            answer = await self._connection.read_response(
                disable_decoding=asked.is_raw, timeout=math.inf
            )
        except exceptions.ResponseError as refusal:
            self._sent.popleft().fail(refusal)
        else:
            self._sent.popleft().give(answer)

    async def _send(self) -> None:
        going = [self._unsent.popleft() for _ in range(min(len(self._unsent), WRITE_MAX))]
        self._sent.extend(going)
        packed = self._connection.pack_commands([asked.words for asked in going])
        await self._connection.send_packed_command(packed)

    async def _lose(self, error: Exception) -> None:
        """Tell everybody who waits for an answer that none will come."""
        await self._connection.disconnect(nowait=True)
        while self._sent:
            self._sent.popleft().fail(_like(error))


def _like(error: Exception) -> Exception:
    """The same error for each caller, for every one of them adds to its traceback."""
    known = TimeoutError | exceptions.TimeoutError | exceptions.ConnectionError
    return type(error)(*error.args) if isinstance(error, known) else error
