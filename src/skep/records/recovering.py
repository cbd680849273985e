"""Recovery: what a swarm is rebuilt from, what is done with it, and how far it can be trusted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from skep.records.capture import CaptureKind
from skep.records.ids import SwarmId, TaskKey
from skep.records.image import Image, TaskImage
from skep.records.purse import Purse
from skep.records.values import Json

CONFIDENCE_MIN: Final = 0.5
CONFIDENCE_MAX: Final = 0.95

REINSTATED: Final = "reinstated"
"""What a task that had ended was settled with, as far as a rebuilt record knows: nobody's token
is the one that settled it, so nobody hears ALREADY."""


class TaskFate(StrEnum):
    """What became of a task that had lost its record.

    REBUILT: it stands as it stood. REDONE: something of it was done after the point and is lost, so
    it runs again. DROPPED: nobody knows any more what it was to do.
    """

    REBUILT = "rebuilt"
    REDONE = "redone"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNote:
    """What recovery says of one task, in one sentence."""

    task: TaskKey
    fate: TaskFate
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact that the confidence was computed from: how much of it holds, from 0 to 1."""

    name: str
    share: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An event that a rebuilt swarm tells of itself."""

    kind: str
    data: dict[str, Json]
    task: TaskKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstatement:
    """Put a swarm that is recovering back to work, all of it or nothing.

    It is refused when the log of the swarm is not at `seq` any more. `tasks` is the whole plan as
    it will be; the records of those in `written` are made anew, and the others stand. Without any
    `written` only the queue entries are. The commands of `forgotten` may be carried out again.
    """

    swarm: SwarmId
    seq: int
    tasks: tuple[TaskImage, ...]
    written: frozenset[TaskKey]
    dropped: tuple[TaskKey, ...]
    purse: Purse
    news: tuple[News, ...]
    forgotten: tuple[str, ...] = ()

    @property
    def is_rewritten(self) -> bool:
        """Say whether any record is made anew or given up, so that edges are written anew."""
        return bool(self.written or self.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """Make a new swarm from the image of another one, with its log, and `news` after that.

    Idempotent by `command`, as a submission is.
    """

    command: str
    digest: str
    image: Image
    news: tuple[News, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a recovery came to.

    `source` is what the swarm was rebuilt from, `capture` its number (0 for the state) and `seq`
    the last event that it holds; `plan` says step by step what was done. Times are seconds.
    """

    swarm: SwarmId
    success: bool
    source: CaptureKind
    capture: int
    seq: int
    plan: tuple[str, ...]
    confidence: float
    facts: tuple[Fact, ...]
    notes: tuple[TaskNote, ...] = ()

    @property
    def redone(self) -> tuple[TaskNote, ...]:
        """The tasks that run again although something of them was done."""
        return tuple(note for note in self.notes if note.fate is TaskFate.REDONE)

    @property
    def lost(self) -> tuple[TaskNote, ...]:
        """The tasks that are gone."""
        return tuple(note for note in self.notes if note.fate is TaskFate.DROPPED)
