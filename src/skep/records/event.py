"""Events: past-tense facts, one for each change, in one dense log per swarm."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from skep.records.ids import SwarmId, TaskKey
from skep.records.swarm import SwarmMove
from skep.records.task import TaskMove
from skep.records.values import Json


class Remark(StrEnum):
    """Events that change no status."""

    STEP_RECORDED = "step.recorded"
    PROGRESS = "task.progressed"
    LATE_RESULT = "task.result_came_late"
    STEP_UNKNOWN = "step.unknown"
    APPROVAL_ASKED = "approval.asked"
    APPROVAL_DECIDED = "approval.decided"
    STEP_LAPSED = "step.lapsed"
    PURSE_LOST = "purse.lost"
    PURSE_OVERRUN = "purse.overrun"
    PURSE_EMPTY = "purse.empty"
    RESOURCE_ALLOCATED = "resource.allocated"
    RESOURCE_RELEASED = "resource.released"
    REINSTATED = "task.reinstated"
    RESTORED = "swarm.restored"


EVENT_KINDS = frozenset({*map(str, TaskMove), *map(str, SwarmMove), *map(str, Remark)})
"""Every kind of event there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about a swarm. `seq` is dense from 1 within the swarm; `at` is epoch seconds."""

    swarm: SwarmId
    seq: int
    kind: str
    at: float
    task: TaskKey | None = None
    data: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a reader has come in a swarm's log; `seq` 0 is before the first event."""

    incarnation: str
    swarm: SwarmId
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events after a cursor, oldest first, and where to go on.

    `gap` is True when events below the cursor's next were trimmed away, or the store has begun a
    new incarnation: the reader must start again from a snapshot, and never silently misses one.
    """

    events: tuple[Event, ...]
    cursor: Cursor
    gap: bool = False


def is_news(page: Page) -> bool:
    """Say whether a page tells its reader anything."""
    return bool(page.events) or page.gap
