"""The arithmetic of the rig: what each plan is made of and what it must come to, without Skep."""

import hashlib
import random
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 300
"""Tasks that wait for one: more than a settlement releases, so the sweep must drain the rest."""

LARGE_BYTES: Final = 40_000
"""More than a record holds."""

SHAPES: Final = ("fan", "brood", "chain", "letters", "wide")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One task as the rig means it: who does it, with which number, after whom."""

    key: str
    agent: str
    n: int
    after: tuple[str, ...] = ()
    steps: int = 1
    size: int = 0
    delay_s: float = 0.0
    kids: int = 0


def answer_to(n: int) -> int:
    """What the provider answers to a number."""
    return n * n % 9973 + 1


def text_of(n: int, size: int) -> str:
    """What the provider writes when it is asked for a text of a size."""
    line = hashlib.sha256(str(n).encode()).hexdigest()
    return (line * (size // len(line) + 1))[:size]


def parts_of(shape: str, n: int) -> list[Part]:
    """The plan of a shape and a number; the last part adds up all others."""
    parts = SHAPERS[shape](n, random.Random(n))
    return [*parts, Part(key="total", agent="total", n=0, after=tuple(p.key for p in parts))]


def kids_of(part: Part) -> list[Part]:
    """What a part adds to its plan while it runs."""
    return [
        Part(key=f"{part.key}.{i}", agent="ask", n=part.n + 100 * i, steps=6)
        for i in range(part.kids)
    ]


def with_kids(parts: list[Part]) -> list[Part]:
    """The parts of a plan, and those that they add."""
    return [*parts, *(kid for part in parts for kid in kids_of(part))]


def expected(shape: str, n: int) -> dict[str, int]:
    """What each task of a plan must come to, by its key."""
    sums = {part.key: _sum_of(part) for part in with_kids(parts_of(shape, n))}
    return {**sums, "total": sum(sums.values())}


def _sum_of(part: Part) -> int:
    match part.agent:
        case "total":
            return 0
        case "leaf" | "letter":
            return part.n
        case "charge":
            return answer_to(part.n) + part.n
        case _:
            return sum(answer_to(part.n + i) for i in range(part.steps)) + part.size


def _fan(n: int, chance: random.Random) -> list[Part]:
    """Some that ask, one of them for much, and one each that pays, fails, waits and rests."""
    asks = [Part(key=f"ask{i}", agent="ask", n=n + 10 * i, steps=8) for i in range(4)]
    return [
        *asks,
        Part(key="much", agent="ask", n=n + 50, size=LARGE_BYTES),
        Part(key="charge", agent="charge", n=n + 60),
        Part(key="flaky", agent="flaky", n=n + 70, steps=2),
        Part(key="quota", agent="quota", n=n + 80),
        Part(key="later", agent="ask", n=n + 90, delay_s=chance.uniform(0.1, 1.0)),
    ]


def _brood(n: int, chance: random.Random) -> list[Part]:
    """One that adds tasks to its own plan."""
    return [Part(key="hen", agent="brood", n=n, kids=chance.randint(2, 5))]


def _chain(n: int, chance: random.Random) -> list[Part]:
    """One after the other, paying at every second."""
    length = chance.randint(3, 6)
    return [
        Part(
            key=f"link{i}",
            agent="charge" if i % 2 else "ask",
            n=n + 10 * i,
            steps=1 if i % 2 else 5,
            after=(f"link{i - 1}",) if i else (),
        )
        for i in range(length)
    ]


def _letters(n: int, chance: random.Random) -> list[Part]:
    """Letters that may be sent only once."""
    return [Part(key=f"letter{i}", agent="letter", n=n + i) for i in range(chance.randint(1, 4))]


def _wide(n: int, chance: random.Random) -> list[Part]:
    """Many that wait for one."""
    leaves = [Part(key=f"leaf{i}", agent="leaf", n=i, after=("root",)) for i in range(WIDTH)]
    return [Part(key="root", agent="ask", n=n), *leaves]


SHAPERS: Final = {
    "fan": _fan,
    "brood": _brood,
    "chain": _chain,
    "letters": _letters,
    "wide": _wide,
}
