"""The messenger of one swarm: it sends, asks and answers, and hands what comes to its handlers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Final, TypedDict

from typing_extensions import Unpack

from skep.hive.postman import Postman
from skep.ports.store import Store
from skep.ports.system import Chance
from skep.records.errors import (
    InvalidInput,
    LimitExceeded,
    NoAnswer,
    SkepError,
    SwarmClosed,
    SwarmNotFound,
)
from skep.records.ids import SwarmId
from skep.records.limits import MESSAGE_BYTES_MAX, VALUE_BYTES_MAX
from skep.records.message import Address, Message, MessageId, Posted, address_of
from skep.records.swarm import ENDED
from skep.records.task import NORMAL_PRIORITY
from skep.records.values import BlobRef, Json, blob_ref, canonical, parsed

Handler = Callable[[Json, Message], Awaitable[object] | object]
"""Called with a payload and its envelope; the message is acknowledged when it returns."""

ANY: Final = "*"
"""The type under which a handler gets whatever has no handler of its own."""

ANSWER_S: Final = 30.0
"""How long a question waits for its answer unless it says otherwise."""

ANSWERS: Final = "answers."
"""How the name of the inbox begins to which a messenger has itself answered."""

AT_ONCE: Final = 64
PAGE: Final = 200


class Sent(TypedDict, total=False):
    """What may be said of a message besides its type and its payload; see `Message`."""

    id: str
    priority: int
    correlation: str
    ttl_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """What became of a broadcast: how many swarms accepted it, and which refused it and why."""

    id: MessageId
    accepted: int
    refused: Mapping[SwarmId, SkepError]


class SwarmMessenger:
    """The mail of one swarm, or of one agent in it, as this process sends and reads it.

    Any number of processes may have a messenger of the same swarm: each message is handed to one
    of them. At least once: a handler may see a message again, under the same id.
    """

    def __init__(self, address: Address, store: Store, *, chance: Chance, postman: Postman) -> None:
        self.address = address
        self._store = store
        self._chance = chance
        self._postman = postman
        self._handlers: dict[str, Handler] = {}
        # An inbox of this process alone: another one with the same swarm must not get the answer.
        own = f"{ANSWERS}{chance.uuid()}"
        self._answers = Address(swarm=address.swarm, agent=own)
        self._asked: dict[str, asyncio.Future[Message]] = {}
        self.messages_sent = 0
        """How many inboxes took a message from here, in this process."""

    @property
    def subscriptions(self) -> Sequence[str]:
        """The types that have a handler."""
        return sorted(self._handlers)

    def on_message(self, type: str, handler: Handler) -> None:  # noqa: A002 - the word for it
        """Have messages of a type handed to `handler`, from now on; `*` is every other type.

        It gets the payload and the envelope, and may be a coroutine function. While it raises,
        the message is tried again after a rest; so is one whose type has no handler here, until
        it is dead. Raises `InvalidInput` for a type that has a handler already.
        """
        if type in self._handlers:
            raise InvalidInput(f"Messages of type {type!r} have a handler already.")
        self._handlers[type] = handler
        self._postman.serve(self.address, self._handle)

    async def send(
        self,
        to: str | Address,
        type: str,  # noqa: A002 - the word for it
        payload: Json = None,
        **said: Unpack[Sent],
    ) -> MessageId:
        """Send a message to a swarm, or to an agent of it as `swarm/agent`; gives its id.

        It is durable when this returns. `id` makes the call safe to repeat. Raises
        `SwarmNotFound`, `SwarmClosed`, `InboxFull`, `InvalidInput` or `LimitExceeded`.
        """
        return await self._post(await self._letter(to, type, payload, **said))

    async def answer(
        self,
        question: Message,
        payload: Json = None,
        *,
        type: str | None = None,  # noqa: A002 - the word for it
    ) -> MessageId:
        """Answer a message that asked, or any other; the same answer again is sent once."""
        sent: Sent = {"id": f"{question.id}.answer", "correlation": question.id}
        sent["ttl_s"] = question.ttl_s
        to = question.reply_to or question.sender
        return await self.send(to, type or question.type, payload, **sent)

    async def ask(
        self,
        to: str | Address,
        type: str,  # noqa: A002 - the word for it
        payload: Json = None,
        *,
        timeout_s: float = ANSWER_S,
        **said: Unpack[Sent],
    ) -> Json:
        """Send a message and wait for the answer to it; gives the answer's payload.

        The question dies with the patience of who asks. Raises `NoAnswer`, and what `send` does.
        """
        said.setdefault("ttl_s", timeout_s)
        letter = await self._letter(to, type, payload, **said)
        self._postman.serve(self._answers, self._hear)
        waiting = self._asked[letter.id] = asyncio.get_running_loop().create_future()
        try:
            await self._post(replace(letter, reply_to=self._answers))
            async with asyncio.timeout(timeout_s):
                return await self._payload(await waiting)
        except TimeoutError:
            raise NoAnswer(to=str(letter.to), seconds=timeout_s) from None
        finally:
            del self._asked[letter.id]

    async def broadcast(
        self,
        type: str,  # noqa: A002 - the word for it
        payload: Json = None,
        **said: Unpack[Sent],
    ) -> Broadcast:
        """Send a message to every live swarm but this one, a copy for each under one id.

        Swarms that are registered meanwhile may get it or not. Broken off and repeated under the
        same `id`, it goes to those that it did not reach.
        """
        letter = await self._letter(self.address, type, payload, **said)
        accepted, refused = 0, dict[SwarmId, SkepError]()
        async for piece in self._others():
            copies = [replace(letter, to=to, is_broadcast=True) for to in piece]
            answers = await self._store.mailbox.send(copies)
            for to, answer in zip(piece, answers, strict=True):
                if not isinstance(answer, SkepError):
                    accepted += 1
                elif not isinstance(answer, SwarmClosed | SwarmNotFound):
                    refused[to.swarm] = answer
        self.messages_sent += accepted
        return Broadcast(id=letter.id, accepted=accepted, refused=refused)

    async def history(self, *, after: int = 0, limit: int = 50) -> Sequence[Posted]:
        """Read the messages to this swarm and its agents, wherever they stand."""
        return await self._store.mailbox.read(self.address.swarm, after=after, limit=limit)

    async def _letter(
        self,
        to: str | Address,
        type: str,  # noqa: A002 - the word for it
        payload: Json,
        **said: Unpack[Sent],
    ) -> Message:
        return Message(
            id=MessageId(said.get("id") or self._chance.uuid()),
            to=to if isinstance(to, Address) else address_of(to),
            sender=self.address,
            type=type,
            payload=await self._light(payload),
            priority=said.get("priority", NORMAL_PRIORITY),
            correlation=said.get("correlation", ""),
            ttl_s=said.get("ttl_s"),
        )

    async def _post(self, message: Message) -> MessageId:
        (answer,) = await self._store.mailbox.send([message])
        if isinstance(answer, SkepError):
            raise answer
        self.messages_sent += 1
        return message.id

    async def _light(self, payload: Json) -> Json:
        """Put a payload that is too large for its record into a blob."""
        try:
            content = canonical(payload).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput(f"The payload of a message is no JSON: {error}.") from error
        if len(content) <= VALUE_BYTES_MAX:
            return payload
        if len(content) > MESSAGE_BYTES_MAX:
            raise LimitExceeded(
                limit="MESSAGE_BYTES_MAX", allowed=MESSAGE_BYTES_MAX, actual=len(content)
            )
        (digest,) = await self._store.blobs.put([content])
        return BlobRef(digest=digest, size_bytes=len(content)).as_json()

    async def _payload(self, message: Message) -> Json:
        ref = blob_ref(message.payload)
        if ref is None:
            return message.payload
        return parsed((await self._store.blobs.get(ref.digest)).decode())

    async def _handle(self, message: Message) -> None:
        handler = self._handlers.get(message.type) or self._handlers.get(ANY)
        if handler is None:
            raise InvalidInput(f"Nobody here handles messages of type {message.type!r}.")
        done = handler(await self._payload(message), message)
        if isawaitable(done):
            await done

    async def _hear(self, answer: Message) -> None:
        """Take an answer; one that comes too late is nobody's."""
        waiting = self._asked.get(answer.correlation)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _others(self) -> AsyncIterator[Sequence[Address]]:
        before: SwarmId | None = None
        while page := await self._store.registry.swarms(before=before, limit=PAGE):
            before = page[-1].id
            live = [each.id for each in page if each.status not in ENDED]
            to = [Address(swarm=each) for each in live if each != self.address.swarm]
            for start in range(0, len(to), AT_ONCE):
                yield to[start : start + AT_ONCE]
