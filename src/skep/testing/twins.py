"""The store under test and beside it the reference, both told the same and compared (33)."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from typing_extensions import override

from skep.ports.inspection import Dump
from skep.records.errors import SkepError
from skep.records.lease import Grant
from skep.records.message import Delivery
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.invariants import InvariantBroken, check, check_step
from skep.testing.memory import MemoryHarness

Answer = TypeVar("Answer")
Command = Callable[[InspectableStore], Awaitable[Answer]]


class EchoChance(SeededChance):
    """Chance whose next nonces are given."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.nonces: deque[str] = deque()

    @override
    def nonce(self) -> str:
        """The next nonce that was given, else a fresh one."""
        return self.nonces.popleft() if self.nonces else super().nonce()


class Twins:
    """A subject, and a memory store with the same clock and equal chance.

    The model draws the nonces that the subject's grants have, however many of them the subject
    drew for it, so answers and dumps must be equal to the letter.
    """

    def __init__(self, harness: Harness, *, clock: ManualClock) -> None:
        self._harness = harness
        self._clock = clock
        self._stores: tuple[InspectableStore, ...] = ()
        self._echo = EchoChance(1)
        self.seen: Dump | None = None

    async def open(self) -> None:
        """Open both."""
        subject = await self._harness.open(clock=self._clock, chance=SeededChance(1))
        self._echo = EchoChance(1)
        model = await MemoryHarness().open(clock=self._clock, chance=self._echo)
        self._stores = (subject, model)

    async def ask(self, command: Command[Answer]) -> Answer | SkepError:
        """Ask both the same, and give the subject's answer; a refusal raised is an answer too."""
        subject, model = self._stores
        answer = await _answer(command, subject)
        self._echo.nonces.extend(_nonces(answer))
        _compare("answers", _plain(answer), _plain(await _answer(command, model)))
        return answer

    async def crash(self) -> None:
        """Have the subject's process die; the reference must not notice."""
        self._stores = (await self._harness.crash(), *self._stores[1:])

    async def look(self) -> Dump:
        """Check every invariant on what stands, and that both stand alike."""
        subject, model = [await store.dump() for store in self._stores]
        check(subject)
        if self.seen is not None:
            check_step(self.seen, subject)
        for part in Dump.__dataclass_fields__:
            _compare(part, getattr(subject, part), getattr(model, part))
        self.seen = subject
        return subject

    async def dispose(self) -> None:
        """Throw the subject away."""
        await self._harness.dispose()


async def _answer(command: Command[Answer], store: InspectableStore) -> Answer | SkepError:
    try:
        return await command(store)
    except SkepError as refusal:
        return refusal


def _nonces(answer: object) -> list[str]:
    """The nonces of all grants and deliveries in an answer, in their order."""
    if isinstance(answer, Grant | Delivery):
        return [answer.token.nonce]
    if isinstance(answer, list | tuple):
        parts = cast("Sequence[object]", answer)
        return [nonce for part in parts for nonce in _nonces(part)]
    return []


def _plain(answer: object) -> object:
    if isinstance(answer, SkepError):
        return (type(answer), str(answer))
    if isinstance(answer, list | tuple):
        return [_plain(part) for part in cast("Sequence[object]", answer)]
    return answer


def _compare(what: str, subject: object, model: object) -> None:
    if subject == model:
        return
    if isinstance(subject, list) and isinstance(model, list):
        left, right = cast("list[object]", subject), cast("list[object]", model)
        differing = [pair for pair in zip(left, right, strict=False) if pair[0] != pair[1]]
        raise InvariantBroken(33, f"{what}, {len(left)} and {len(right)}: {differing[:3]}")
    raise InvariantBroken(33, f"{what}: {subject} is not {model}")
