"""Approvals: a task's question to a person, and the decision that its run goes on with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from skep.records.ids import ApprovalId, TaskRef
from skep.records.lease import Token
from skep.records.values import Digest, Json

ASKED: Final = "approval/"
"""How the key of a question's step begins; no other step may be called so."""


class Verdict(StrEnum):
    """What a question came to; nobody decided one that has expired."""

    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"


class ApprovalState(StrEnum):
    """Where a question stands.

    Withdrawn is one that nobody decided before its task ended or began its next run.
    """

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided of a question, by whom, why and when (`at`, in seconds since 1970).

    A decision is true when it approves, and only then.

    >>> decision = Decision(verdict=Verdict.DENIED, by="ann", reason="too dear", at=0.0)
    >>> decision.approved, bool(decision)
    (False, False)
    """

    verdict: Verdict
    by: str
    reason: str
    at: float

    @property
    def approved(self) -> bool:
        """Say whether what was asked for may be done."""
        return self.verdict is Verdict.APPROVED

    def __bool__(self) -> bool:
        return self.approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A question of one run of a task, as the store has it.

    `key` names its step in the run's journal; `detail` is what exactly is asked for, such as the
    arguments of a call; `fingerprint` is the digest of all that the decision is about. Times are
    seconds since 1970; without `expires_at` the question stands until it is decided.
    """

    id: ApprovalId
    ref: TaskRef
    run: int
    key: str
    fingerprint: Digest
    question: str
    detail: Json
    asked_at: float
    expires_at: float | None
    state: ApprovalState = ApprovalState.PENDING
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A running task puts a question to a person, for `expires_s` seconds or until decided.

    `fingerprint` is the digest of what is asked: the same key with another one is refused.
    """

    token: Token
    key: str
    fingerprint: Digest
    question: str
    detail: Json = None
    expires_s: float | None = None


class AskVerdict(StrEnum):
    """What the store says to a question.

    ASKED: it stands, put now or before, and nobody has decided it. DECIDED: use the decision.
    DIVERGED: the key stands for another question. FENCED: the token is not current. FULL: the
    run has RUN_STEPS_MAX steps.
    """

    ASKED = "asked"
    DECIDED = "decided"
    DIVERGED = "diverged"
    FENCED = "fenced"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAnswer:
    """The store's answer to one question, with the decision when there is one."""

    verdict: AskVerdict
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A person approves or denies what was asked; the first reply is the decision."""

    approval: ApprovalId
    verdict: Verdict
    by: str
    reason: str = ""


class ReplyVerdict(StrEnum):
    """What the store made of a reply; ALREADY when that was decided before."""

    OK = "ok"
    ALREADY = "already"
