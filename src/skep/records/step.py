"""Steps: the journaled calls inside a run, from durable intent to durable result."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from skep.records.ids import TaskRef
from skep.records.lease import Token
from skep.records.purse import Amount
from skep.records.values import Digest


class Effect(StrEnum):
    """What repeating a call would do.

    A pure call may be repeated; an idempotent one may be repeated under the same idempotency
    key; a call to be made once is never repeated by the engine.
    """

    PURE = "pure"
    IDEMPOTENT = "idempotent"
    ONCE = "once"


class StepState(StrEnum):
    """Whether the call's result is known."""

    OPEN = "open"
    RECORDED = "recorded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a run's journal. `calls` counts how often the call was let out.

    `reserved` is what the call under way may take at most, `spent` what its calls were charged so
    far (without a price as soon as one of them has none), `payee` the model that was paid.
    """

    ref: TaskRef
    run: int
    key: str
    fingerprint: Digest
    effect: Effect
    state: StepState
    intent: str
    calls: int
    value: str | None = None
    reserved: Amount | None = None
    spent: Amount | None = None
    payee: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A call is about to be made.

    `key` is its logical path in the run, `fingerprint` the digest of the canonical request,
    `intent` a random id of this announcement: the same one sent twice is the same announcement.
    `reserve` is the most that it may take of the swarm's purse; None for a call that is free.
    `told` counts the messages of people that the author of the call knows of: where the swarm
    holds more, a new call is not opened, for it should be made with them; None where it is all one.
    """

    token: Token
    key: str
    fingerprint: Digest
    effect: Effect
    intent: str
    reserve: Amount | None = None
    told: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A call's result: `value` is JSON text of at most 32 KiB.

    `usage` is what it took of the purse, None for all that was reserved; `payee` who was paid. A
    call that reserved nothing takes nothing.
    """

    token: Token
    key: str
    fingerprint: Digest
    value: str
    usage: Amount | None = None
    payee: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """A call ended without an answer; its step stays open and may be announced again.

    `charge` is what it is counted for: None for a call that was definitely not made, or refused
    unpaid; what was seen of an answer that was cut off; all that was reserved when nobody knows.
    """

    token: Token
    key: str
    fingerprint: Digest
    charge: Amount | None = None
    payee: str = ""


Entry: TypeAlias = Intent | Record | Lapse


class StepVerdict(StrEnum):
    """What the journal says to an entry.

    OPENED: make the call. FOUND: it was made, use the value. RECORDED: use the value, which is
    the first one stored. DIVERGED: the key stands for another request. UNKNOWN: it may have been
    made and must not be repeated. FENCED: the token is not current. FULL: the run has
    RUN_STEPS_MAX steps. MISSING: no such intent, or the content of the value is not kept.
    WAITS: the call does not fit into the purse while others are under way. EMPTY: it does not fit
    with none under way, and the swarm is paused. LAPSED: what the call had reserved is settled.
    UNHEARD: people told the swarm more than the call's author knows; hear it first.
    """

    OPENED = "opened"
    FOUND = "found"
    RECORDED = "recorded"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    FENCED = "fenced"
    FULL = "full"
    MISSING = "missing"
    WAITS = "waits"
    EMPTY = "empty"
    LAPSED = "lapsed"
    UNHEARD = "unheard"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """The journal's answer to one entry; `value` is JSON text when FOUND or RECORDED.

    `told` counts the messages that the swarm holds, so that a live attempt learns of a new one
    without asking; who is FENCED is not told.
    """

    verdict: StepVerdict
    value: str | None = None
    told: int = 0
