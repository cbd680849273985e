"""The names things go by: swarms, tasks, workers and the ids made for them."""

import re
from dataclasses import dataclass
from typing import Final, NewType

from typing_extensions import override

SwarmId = NewType("SwarmId", str)
TaskKey = NewType("TaskKey", str)
WorkerId = NewType("WorkerId", str)
ApprovalId = NewType("ApprovalId", str)
"""Sixteen hex digits, made of a task, its run and a key: one question has one id."""

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#-]*")
"""What a task key, a queue, an agent or a capability may be called."""

VERSION_7: Final = 0x7
VARIANT_RFC: Final = 0b10


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TaskRef:
    """Which task is meant: its swarm and its key within that swarm's plan."""

    swarm: SwarmId
    key: TaskKey

    @override
    def __str__(self) -> str:
        return f"{self.swarm}/{self.key}"


def is_name(text: str) -> bool:
    """Say whether `text` may name a task, queue, agent or capability.

    >>> is_name("synthesis"), is_name("team:1/a"), is_name("")
    (True, False, False)
    """
    return NAME_PATTERN.fullmatch(text) is not None


def uuid7(*, unix_ms: int, random_bits: int) -> str:
    """Build a UUID version 7 from a time in milliseconds and 74 random bits.

    Ids made in the same order as their times sort in that order as text. Source: RFC 9562, 5.7.

    >>> uuid7(unix_ms=1_645_557_742_000, random_bits=0)
    '017f22e2-79b0-7000-8000-000000000000'
    """
    high = (unix_ms << 16) | (VERSION_7 << 12) | ((random_bits >> 62) & 0xFFF)
    low = (VARIANT_RFC << 62) | (random_bits & ((1 << 62) - 1))
    digits = f"{(high << 64) | low:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
