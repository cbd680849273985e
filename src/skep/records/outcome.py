"""Outcomes: what an attempt may choose, and what the store says to it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, assert_never

from skep.records.ids import ApprovalId
from skep.records.lease import Token
from skep.records.task import TaskMove
from skep.records.values import Digest, Json, canonical, digest_of


class ErrorClass(StrEnum):
    """What an error means for the task that met it."""

    TRANSIENT = "transient"
    QUOTA = "quota"
    PERMANENT = "permanent"
    BUDGET = "budget"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt did not succeed; `retry_at` is the provider's own word, in epoch seconds."""

    error_class: ErrorClass
    code: str
    message: str
    retry_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A named piece of work that a task leaves behind, kept as a blob."""

    name: str
    media_type: str
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The task is done; `value` is what its dependents read."""

    value: Json
    artifacts: tuple[Artifact, ...] = ()
    _text: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The value as it is stored; raises what `canonical` raises.

        Written once for all who need it: the bounds, the digest and the record itself. What was
        checked is then what is stored, whatever becomes of the value meanwhile.
        """
        if self._text is None:
            object.__setattr__(self, "_text", canonical(self.value))
        return self._text or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The task has failed for good."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The attempt failed; the task is due again at `wake_at`. Counts as a failure."""

    failure: Failure
    wake_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed:
    """The task waits, for a quota say, and is due again at `wake_at`. Counts as nothing."""

    reason: str
    wake_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The task waits for a person.

    `awaits` names the approvals of this run any of whose decisions wakes it; without one it waits
    for somebody to retry it.
    """

    reason: str
    awaits: tuple[ApprovalId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedBack:
    """The worker gives the task back unfinished, as when it shuts down. Counts as nothing."""

    reason: str = ""


Outcome: TypeAlias = Succeeded | Failed | Retried | Snoozed | Blocked | HandedBack


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one attempt, to be stored under its token."""

    token: Token
    outcome: Outcome
    _told: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def told_text(self) -> str:
        """The outcome as its event carries it, written once for the event and the digest."""
        if self._told is None:
            object.__setattr__(self, "_told", canonical(told(self.outcome)))
        return self._told or ""

    @property
    def digest(self) -> Digest:
        """Tell a repeated settlement from another one under the same token."""
        return digest_of(f"{type(self.outcome).__name__}:{self.told_text}")


class SettleVerdict(StrEnum):
    """What the store made of a settlement."""

    OK = "ok"
    ALREADY = "already"
    CONFLICT = "conflict"
    LATE = "late"
    FENCED = "fenced"


def move_of(outcome: Outcome) -> TaskMove:
    """Name the move of the task that an outcome asks for."""
    match outcome:
        case Succeeded():
            return TaskMove.SUCCEED
        case Failed():
            return TaskMove.FAIL
        case Retried():
            return TaskMove.RETRY
        case Snoozed():
            return TaskMove.SNOOZE
        case Blocked():
            return TaskMove.BLOCK
        case HandedBack():
            return TaskMove.HAND_BACK
        case _:
            assert_never(outcome)


def told(outcome: Outcome) -> dict[str, Json]:
    """Write an outcome as the JSON object that its event carries (without the value itself)."""
    match outcome:
        case Succeeded():
            return {
                "value_sha256": digest_of(outcome.text),
                "artifacts": [artifact.name for artifact in outcome.artifacts],
            }
        case Failed():
            return _failure_told(outcome.failure)
        case Retried():
            return {**_failure_told(outcome.failure), "wake_at": outcome.wake_at}
        case Snoozed():
            return {"reason": outcome.reason, "wake_at": outcome.wake_at}
        case Blocked():
            return {"reason": outcome.reason, "awaits": list[Json](outcome.awaits)}
        case HandedBack():
            return {"reason": outcome.reason}
        case _:
            assert_never(outcome)


def reason_of(outcome: Outcome) -> str:
    """Say in one sentence why the task stands where the outcome puts it; empty for success."""
    match outcome:
        case Succeeded():
            return ""
        case Failed() | Retried():
            return outcome.failure.message
        case Snoozed() | Blocked() | HandedBack():
            return outcome.reason
        case _:
            assert_never(outcome)


def _failure_told(failure: Failure) -> dict[str, Json]:
    return {
        "class": failure.error_class,
        "code": failure.code,
        "reason": failure.message,
    }
