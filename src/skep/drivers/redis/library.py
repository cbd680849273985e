"""The function library: Lua sources, with the tables that records and policy own filled in.

The library's name carries a digest of its text, so that two versions of Skep can work on one
server side by side, and a server that lost its functions is told at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from skep.policy.admission import HELD_KEPT, TOKENS
from skep.policy.approving import step_value
from skep.policy.breaker import BREAKER
from skep.policy.expiry import LEASE_S_MAX
from skep.policy.fairness import QUANTUM_MAX, STRIDE, VISITS, WEIGHTS
from skep.policy.hosting import BACK, LOST
from skep.policy.mailing import BURIED_MAX, EXPIRED, TRIED
from skep.policy.placement import LOOKED_MAX, MOVED
from skep.policy.pools import ATTEMPT_OVER, HOLDER_GONE, RELEASED, SWARM_ENDED
from skep.policy.purse import CUT_SHORT, EMPTY
from skep.policy.recovery import SUSPENDED
from skep.ports.keeping import RESTORED
from skep.records import limits
from skep.records.approval import Verdict
from skep.records.gate import Gate
from skep.records.moves import Move, Status
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmStatus
from skep.records.task import TASK_MOVES, TERMINAL, TaskStatus
from skep.records.values import digest_of

COMMAND_TTL_S = 24 * 3600
"""How long a command is remembered, so that a repeated one gets its first answer."""

STAGE_TTL_S = 3600
"""How long a plan that is not complete waits for its next piece before it is thrown away."""

DIGEST_CHARS = 10


@dataclass(frozen=True, slots=True)
class Library:
    """A library's name and source."""

    name: str
    source: str

    def function(self, operation: str) -> str:
        """The name under which an operation is called."""
        return f"{self.name}_{operation}"


@cache
def library() -> Library:
    """Make the library."""
    folder = resources.files("skep.drivers.redis") / "functions"
    parts = sorted(
        (entry.name, entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".lua")
    )
    body = "\n".join((_tables(), *(text for _, text in parts)))
    name = f"skep_{digest_of(body)[:DIGEST_CHARS]}"
    return Library(name, f"#!lua name={name}\n" + body.replace("LIBRARY", name))


def _tables() -> str:
    constants = {
        "STRIDE": STRIDE,
        "VISITS": VISITS,
        "QUANTUM_MAX": QUANTUM_MAX,
        "LEASE_S_MAX": LEASE_S_MAX,
        "COMMAND_TTL_S": COMMAND_TTL_S,
        "STAGE_TTL_S": STAGE_TTL_S,
        "SETTLE_EDGES_MAX": limits.SETTLE_EDGES_MAX,
        "ADDITION_TASKS_MAX": limits.ADDITION_TASKS_MAX,
        "PLAN_TASKS_MAX": limits.PLAN_TASKS_MAX,
        "RUN_STEPS_MAX": limits.RUN_STEPS_MAX,
        "TOLD_MAX": limits.TOLD_MAX,
        "SECONDS_MAX": limits.SECONDS_MAX,
        "INBOX_MAX": limits.INBOX_MAX,
        "MESSAGE_TRIES_MAX": limits.MESSAGE_TRIES_MAX,
        "MESSAGES_KEPT_MAX": limits.MESSAGES_KEPT_MAX,
        "MESSAGES_KEPT_S": limits.MESSAGES_KEPT_S,
        "BURIED_MAX": BURIED_MAX,
    }
    lines = [f"local {name} = {value}" for name, value in constants.items()]
    lines += [
        f"local EXPIRED_VALUE = {_quoted(step_value(Verdict.EXPIRED, by='', reason=''))}",
        f"local gating = {_table(f'{name} = {value}' for name, value in _gating().items())}",
        f"local census = {_table(f'{name} = {value}' for name, value in _census().items())}",
        f"local MAIL_EXPIRED = {_quoted(EXPIRED)}",
        f"local MAIL_TRIED = {_quoted(TRIED)}",
        f"local PURSE_EMPTY = {_quoted(EMPTY)}",
        f"local CUT_SHORT = {_quoted(CUT_SHORT)}",
        f"local placing = {{LOOKED_MAX = {LOOKED_MAX}, MOVED = {_quoted(MOVED)}}}",
        f"local pools = {_table(f'{name} = {value}' for name, value in _pooling().items())}",
        f"local RESTORED = {_quoted(RESTORED)}",
        f"local SUSPENDED = {_quoted(SUSPENDED)}",
        f"local WEIGHTS = {_table(map(str, WEIGHTS))}",
        f"local STATUSES = {_table(map(_quoted, TaskStatus))}",
        f"local TERMINAL = {_set(TERMINAL)}",
        f"local ENDED = {_set(ENDED)}",
        f"local TASK_MOVES = {_moves(TASK_MOVES)}",
        f"local SWARM_MOVES = {_moves(SWARM_MOVES)}",
    ]
    return "\n".join(lines)


def _gating() -> Mapping[str, str | float]:
    """What the functions about gates take over from policy, in one table."""
    return {
        "TOKENS": _quoted(TOKENS),
        "HELD_S": Gate(name="").held_s,
        "HELD_KEPT": HELD_KEPT,
        "WINDOW_S": BREAKER.window_s,
        "FAILURES_MIN": BREAKER.failures_min,
        "OPEN_S": BREAKER.open_s,
        "OPEN_S_MAX": BREAKER.open_s_max,
        "PROBE_S": BREAKER.probe_s,
        "LOOK_S": BREAKER.look_s,
    }


def _census() -> Mapping[str, str | float]:
    """What the functions about nodes and hosts take over from policy, in one table."""
    return {
        "LOST": _quoted(LOST),
        "BACK": _set(BACK),
        "STATUSES": _table(map(_quoted, SwarmStatus)),
        "MISSED_MAX": limits.HEARTBEATS_MISSED_MAX,
        "HEARTBEAT_S_MAX": limits.HEARTBEAT_S_MAX,
    }


def _pooling() -> Mapping[str, str | float]:
    """What the functions about pools take over from policy and limits, in one table."""
    return {
        "POOLS_MAX": limits.POOLS_MAX,
        "SWARM_ALLOCATIONS_MAX": limits.SWARM_ALLOCATIONS_MAX,
        "ATTEMPT_OVER": _quoted(ATTEMPT_OVER),
        "SWARM_ENDED": _quoted(SWARM_ENDED),
        "RELEASED": _quoted(RELEASED),
        "HOLDER_GONE": _quoted(HOLDER_GONE),
    }


def _set(values: Iterable[StrEnum]) -> str:
    return _table(sorted(f"[{_quoted(value)}] = true" for value in values))


def _moves(table: Mapping[Status, Mapping[Move, Status]]) -> str:
    return _table(f"[{_quoted(status)}] = {_row(row)}" for status, row in table.items())


def _row(row: Mapping[Move, Status]) -> str:
    return _table(f"[{_quoted(move)}] = {_quoted(after)}" for move, after in row.items())


def _table(items: Iterable[str]) -> str:
    return "{" + ", ".join(items) + "}"


def _quoted(value: str) -> str:
    return f"'{value}'"
