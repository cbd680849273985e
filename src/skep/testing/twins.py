"""The store under test and beside it the reference, both told the same and compared (33)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from skep.ports.inspection import Dump
from skep.records.errors import SkepError
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.invariants import InvariantBroken, check, check_step
from skep.testing.memory import MemoryHarness

Answer = TypeVar("Answer")
Command = Callable[[InspectableStore], Awaitable[Answer]]


class Twins:
    """A subject, and a memory store with the same clock and equal chance.

    Equal chance gives equal nonces and an equal incarnation, so answers and dumps must be equal
    to the letter.
    """

    def __init__(self, harness: Harness, *, clock: ManualClock) -> None:
        self._harness = harness
        self._clock = clock
        self._stores: tuple[InspectableStore, ...] = ()
        self.seen: Dump | None = None

    async def open(self) -> None:
        """Open both."""
        subject = await self._harness.open(clock=self._clock, chance=SeededChance(1))
        model = await MemoryHarness().open(clock=self._clock, chance=SeededChance(1))
        self._stores = (subject, model)

    async def ask(self, command: Command[Answer]) -> Answer | SkepError:
        """Ask both the same, and give the subject's answer; a refusal raised is an answer too."""
        answers = [await _answer(command, store) for store in self._stores]
        _compare("answers", *map(_plain, answers))
        return answers[0]

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
