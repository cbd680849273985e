"""The directory of a fleet: by what swarms are found, what is counted, what an archive keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import cast

from pydantic import TypeAdapter

from skep.records.ids import SwarmId
from skep.records.swarm import Mode, Strategy, Swarm, SwarmRequest, SwarmStatus
from skep.records.task import TaskStatus
from skep.records.values import Json, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmFilter:
    """Which swarms are meant: those that have all that is named here; `phase` is of metadata."""

    status: SwarmStatus | None = None
    strategy: Strategy | None = None
    mode: Mode | None = None
    phase: str | None = None


EVERY_SWARM = SwarmFilter()
"""The filter that names nothing."""


class Tally(StrEnum):
    """What is counted over the whole life of a store."""

    FORGOTTEN = "forgotten"
    RECOVERIES = "recoveries"
    TASKS_DISTRIBUTED = "tasks_distributed"
    STATE_ERRORS = "state_errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a fleet comes to.

    `registered` counts every swarm there ever was, `live` those that have not ended, `by_status`
    those that are here now; `archived` are kept in short. `messages_sent` counts what was accepted
    by inboxes. Over the whole life of the store count `recoveries`, the swarms that were brought
    back from the loss of their host or from a copy, `tasks_distributed`, the tasks that were placed
    in swarms, and `state_errors`, the copies that could not be written or read.
    """

    registered: int = 0
    live: int = 0
    by_status: Mapping[SwarmStatus, int] = field(default_factory=dict[SwarmStatus, int])
    archived: int = 0
    recoveries: int = 0
    tasks_distributed: int = 0
    messages_sent: int = 0
    state_errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Departed:
    """A swarm that was deregistered and has ended, and what is said that it came to."""

    swarm: Swarm
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What an archive keeps of a swarm; moments are seconds since 1970.

    `seq` is its last event: one that went on since is not archived.
    """

    id: SwarmId
    objective: str
    strategy: Strategy
    mode: Mode
    phase: str
    status: SwarmStatus
    outcome: str
    reason: str
    tasks: Mapping[TaskStatus, int]
    seq: int
    created_at: float
    ended_at: float


def phase_of(request: SwarmRequest) -> str:
    """Name the phase that a swarm's metadata says; empty without one.

    >>> phase_of(SwarmRequest(objective="o", metadata={"phase": "design"}))
    'design'
    """
    phase = request.metadata.get("phase")
    return phase if isinstance(phase, str) else ""


def archived_of(departed: Departed) -> Archived:
    """Write a swarm down as an archive keeps it."""
    swarm, request = departed.swarm, departed.swarm.request
    return Archived(
        id=swarm.id,
        objective=request.objective,
        strategy=request.strategy,
        mode=request.mode,
        phase=phase_of(request),
        status=swarm.status,
        outcome=departed.outcome,
        reason=swarm.reason,
        tasks={status: count for status, count in swarm.counts.items() if count},
        seq=swarm.last_seq,
        created_at=swarm.created_at,
        ended_at=swarm.ended_at or swarm.created_at,
    )


def is_meant(swarm: Swarm, meant: SwarmFilter) -> bool:
    """Say whether a swarm has all that a filter names."""
    request = swarm.request
    return (
        meant.status in (None, swarm.status)
        and meant.strategy in (None, request.strategy)
        and meant.mode in (None, request.mode)
        and meant.phase in (None, request.metadata.get("phase"))
    )


@cache
def _archived() -> TypeAdapter[Archived]:
    # Built when first used: `skep --help` reads no record, and need not wait for it.
    return TypeAdapter(Archived)


def archived_text(record: Archived) -> str:
    """Write a record as it is kept."""
    return canonical(cast("Json", _archived().dump_python(record, mode="json")))


def archived_from(text: str) -> Archived:
    """Read a record from its text."""
    return _archived().validate_json(text)
