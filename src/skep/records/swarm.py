"""A swarm: one objective, the plan that serves it, and how its status may move."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skep.records.ids import SwarmId
from skep.records.purse import UNTOUCHED, Budget, Purse
from skep.records.task import NORMAL_PRIORITY, TaskSpec, TaskStatus
from skep.records.values import Json


class SwarmStatus(StrEnum):
    """Where a swarm stands; the last three are terminal."""

    INITIALIZING = "initializing"
    ACTIVE = "active"
    PAUSED = "paused"
    RECOVERING = "recovering"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SwarmMove(StrEnum):
    """What may happen to a swarm; the value is the kind of the event that tells of it."""

    START = "swarm.submitted"
    EXTEND = "swarm.extended"
    SEAL = "swarm.sealed"
    PAUSE = "swarm.paused"
    INTERRUPT = "swarm.interrupted"
    RECOVER = "swarm.recovering"
    RESUME = "swarm.resumed"
    COMPLETE = "swarm.completed"
    FAIL = "swarm.failed"
    CANCEL = "swarm.cancelled"
    REOPEN = "swarm.reopened"
    CAP = "swarm.capped"
    RAISE = "purse.raised"
    CUT_SHORT = "swarm.cut_short"
    TELL = "swarm.told"
    REINSTATE = "swarm.reinstated"


_S, _M = SwarmStatus, SwarmMove
_ENDS: Final = {_M.COMPLETE: _S.COMPLETED, _M.FAIL: _S.FAILED, _M.CANCEL: _S.CANCELLED}

SWARM_MOVES: Final[Mapping[SwarmStatus, Mapping[SwarmMove, SwarmStatus]]] = {
    _S.INITIALIZING: {_M.START: _S.ACTIVE, _M.CANCEL: _S.CANCELLED},
    _S.ACTIVE: {
        _M.REOPEN: _S.ACTIVE,
        _M.EXTEND: _S.ACTIVE,
        _M.SEAL: _S.ACTIVE,
        _M.CAP: _S.ACTIVE,
        _M.RAISE: _S.ACTIVE,
        _M.CUT_SHORT: _S.ACTIVE,
        _M.TELL: _S.ACTIVE,
        _M.PAUSE: _S.PAUSED,
        _M.INTERRUPT: _S.INTERRUPTED,
        _M.RECOVER: _S.RECOVERING,
        _M.RESUME: _S.ACTIVE,
        **_ENDS,
    },
    _S.PAUSED: {
        _M.EXTEND: _S.PAUSED,
        _M.SEAL: _S.PAUSED,
        _M.CAP: _S.PAUSED,
        _M.RAISE: _S.PAUSED,
        _M.CUT_SHORT: _S.PAUSED,
        _M.TELL: _S.PAUSED,
        _M.INTERRUPT: _S.INTERRUPTED,
        _M.RESUME: _S.ACTIVE,
        **_ENDS,
    },
    _S.RECOVERING: {
        _M.REINSTATE: _S.RECOVERING,
        _M.EXTEND: _S.RECOVERING,
        _M.SEAL: _S.RECOVERING,
        _M.CAP: _S.RECOVERING,
        _M.RAISE: _S.RECOVERING,
        _M.CUT_SHORT: _S.RECOVERING,
        _M.TELL: _S.RECOVERING,
        _M.RESUME: _S.ACTIVE,
        _M.INTERRUPT: _S.INTERRUPTED,
        **_ENDS,
    },
    _S.INTERRUPTED: {
        _M.RECOVER: _S.RECOVERING,
        _M.EXTEND: _S.INTERRUPTED,
        _M.SEAL: _S.INTERRUPTED,
        _M.CAP: _S.INTERRUPTED,
        _M.RAISE: _S.INTERRUPTED,
        _M.CUT_SHORT: _S.INTERRUPTED,
        _M.TELL: _S.INTERRUPTED,
        _M.RECOVER: _S.RECOVERING,
        _M.PAUSE: _S.PAUSED,
        _M.RESUME: _S.ACTIVE,
        **_ENDS,
    },
    _S.COMPLETED: {_M.REOPEN: _S.ACTIVE},
    _S.FAILED: {_M.REOPEN: _S.ACTIVE},
    _S.CANCELLED: {},
}
"""Tasks are granted only while a swarm is active; what runs already may settle in any status."""

ENDED: Final = frozenset({SwarmStatus.COMPLETED, SwarmStatus.FAILED, SwarmStatus.CANCELLED})


class Mode(StrEnum):
    """The topology of a swarm."""

    CENTRALIZED = "centralized"
    HIERARCHICAL = "hierarchical"
    DISTRIBUTED = "distributed"
    MESH = "mesh"


class Strategy(StrEnum):
    """What kind of work a swarm does."""

    AUTO = "auto"
    RESEARCH = "research"
    DEVELOPMENT = "development"
    ANALYSIS = "analysis"
    TESTING = "testing"
    DEVOPS = "devops"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmRequest:
    """What a user asks for.

    `max_agents` caps the tasks that run at once, as the cap stands now where it was changed;
    `timeout_s` is the time the whole swarm has, counted from its start and again from each resume;
    `charter` is the digest of the blob that holds the roles, tool schemas and settings the swarm
    began with; `budget` what it may spend, None for as much as it likes: as it was asked for, and
    in a grant as it stands now; `capabilities` what it is good at, for the placement of that name.
    """

    objective: str
    strategy: Strategy = Strategy.AUTO
    mode: Mode = Mode.CENTRALIZED
    priority: int = NORMAL_PRIORITY
    max_agents: int = 8
    timeout_s: float | None = None
    workspace: str | None = None
    model: str | None = None
    charter: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict[str, Json])
    budget: Budget | None = None
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of a swarm and how they wait for each other.

    A sealed plan completes when its last task has ended; an open one takes tasks until sealed.
    """

    tasks: tuple[TaskSpec, ...]
    sealed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """A swarm as the store has it; times are seconds since 1970, None where not reached yet."""

    id: SwarmId
    request: SwarmRequest
    status: SwarmStatus
    sealed: bool
    counts: Mapping[TaskStatus, int]
    last_seq: int
    created_at: float
    ended_at: float | None = None
    deadline: float | None = None
    reason: str = ""
    purse: Purse = UNTOUCHED

    @property
    def tasks_total(self) -> int:
        """How many tasks the swarm has, whatever their status."""
        return sum(self.counts.values())
