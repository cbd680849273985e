"""Captures: what was written down of a swarm at one moment, so that it can be taken up from there.

A checkpoint is made at a milestone or on demand, a snapshot every few minutes; both are a whole
image of the swarm. The state is no copy: it says how far the live records were when somebody last
saved them, and which captures are the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skep.records.ids import SwarmId
from skep.records.values import Digest

CAPTURES_KEPT: Final = 10
"""Captures of a kind that a swarm keeps without a label; labelled ones do not count."""


class CaptureKind(StrEnum):
    """What a capture was made for."""

    STATE = "state"
    CHECKPOINT = "checkpoint"
    SNAPSHOT = "snapshot"


IMAGED: Final = (CaptureKind.CHECKPOINT, CaptureKind.SNAPSHOT)
"""The kinds that hold an image, in the order in which recovery tries them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an image, compressed: in the capture itself, or a content beside it."""

    digest: Digest
    size_bytes: int
    inline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One capture of a swarm. `number` counts those of its kind from 1 on and is not used again.

    `seq` is the last event that it holds, `at` when it was made (seconds since 1970), `tasks` and
    `ended` count its tasks and those of them that had ended. `digest` is that of the whole image;
    empty, like `parts`, for a state.
    """

    swarm: SwarmId
    kind: CaptureKind
    number: int
    at: float
    seq: int
    label: str = ""
    tasks: int = 0
    ended: int = 0
    size_bytes: int = 0
    digest: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def name(self) -> str:
        """How people call it, within its swarm."""
        return f"{self.kind}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureTotals:
    """What was done with captures in a store, since it was made."""

    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    def of(self, name: str) -> int:
        """Give one count; 0 for what never happened."""
        return self.counts.get(name, 0)
