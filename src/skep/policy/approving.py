"""What becomes of questions and replies to them (docs/contract.md, 38 to 40)."""

from dataclasses import replace
from datetime import UTC, datetime

from skep.records.approval import (
    Approval,
    ApprovalState,
    Ask,
    AskAnswer,
    AskVerdict,
    Decision,
    Reply,
    ReplyVerdict,
    Verdict,
)
from skep.records.errors import AlreadyDecided, ApprovalNotFound, ApprovalWithdrawn, SkepError
from skep.records.ids import ApprovalId, TaskRef
from skep.records.limits import RUN_STEPS_MAX
from skep.records.step import Effect, Step, StepState
from skep.records.task import TERMINAL, TaskStatus
from skep.records.values import Digest, Json, canonical, digest_of

ID_DIGITS = 16


def approval_id(ref: TaskRef, run: int, key: str) -> ApprovalId:
    """Name the question of a run: the same one in each attempt, another in the next run."""
    return ApprovalId(digest_of(canonical([ref.swarm, ref.key, run, key]))[:ID_DIGITS])


def fingerprint_of(question: str, detail: Json) -> Digest:
    """Hash what a decision is about."""
    return digest_of(canonical([question, detail]))


def asked_as(ask: Ask) -> ApprovalId:
    """Name the question that is asked."""
    return approval_id(ask.token.ref, ask.token.run, ask.key)


def judge_ask(approval: Approval | None, ask: Ask, *, current: bool, steps: int) -> AskVerdict:
    """Decide what becomes of a question; `steps` counts those the run has."""
    if not current:
        return AskVerdict.FENCED
    if approval is None:
        return AskVerdict.ASKED if steps < RUN_STEPS_MAX else AskVerdict.FULL
    if approval.fingerprint != ask.fingerprint:
        return AskVerdict.DIVERGED
    return AskVerdict.ASKED if approval.decision is None else AskVerdict.DECIDED


def ask_answer(verdict: AskVerdict, approval: Approval | None) -> AskAnswer:
    """Answer a question, with the decision where it may be given."""
    if approval is None or verdict is not AskVerdict.DECIDED:
        return AskAnswer(verdict=verdict)
    return AskAnswer(verdict=verdict, decision=approval.decision)


def asked(ask: Ask, *, at: float) -> tuple[Approval, Step]:
    """Write a question that is put for the first time, and its open step."""
    approval = Approval(
        id=asked_as(ask),
        ref=ask.token.ref,
        run=ask.token.run,
        key=ask.key,
        fingerprint=ask.fingerprint,
        question=ask.question,
        detail=ask.detail,
        asked_at=at,
        expires_at=None if ask.expires_s is None else at + ask.expires_s,
    )
    # Class `once`, for a person is not asked twice; its id in place of an announcement.
    step = Step(
        ref=approval.ref,
        run=approval.run,
        key=approval.key,
        fingerprint=approval.fingerprint,
        effect=Effect.ONCE,
        state=StepState.OPEN,
        intent=approval.id,
        calls=1,
    )
    return approval, step


def judge_reply(approval: Approval | None, reply: Reply) -> ReplyVerdict | SkepError:
    """Decide whether a reply is the decision; the question is given as it stands now."""
    if approval is None:
        return ApprovalNotFound(approval=reply.approval)
    if approval.decision is not None:
        return judge_second(approval.decision, reply)
    if approval.state is ApprovalState.WITHDRAWN:
        return ApprovalWithdrawn(approval=approval.id, task=str(approval.ref))
    return ReplyVerdict.OK


def judge_second(decision: Decision, reply: Reply) -> ReplyVerdict | AlreadyDecided:
    """Decide what a reply to a decided question is: the same verdict is none, another refused."""
    if decision.verdict is reply.verdict:
        return ReplyVerdict.ALREADY
    when = datetime.fromtimestamp(decision.at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return AlreadyDecided(
        approval=reply.approval, verdict=decision.verdict, by=decision.by, when=when
    )


def decided(approval: Approval, decision: Decision) -> Approval:
    """Write a decision into its question."""
    return replace(approval, state=ApprovalState(decision.verdict), decision=decision)


def decision_of(reply: Reply, *, at: float) -> Decision:
    """Make a reply the decision."""
    return Decision(verdict=reply.verdict, by=reply.by, reason=reply.reason, at=at)


def expiry_of(*, at: float) -> Decision:
    """The decision of a question that nobody answered in time."""
    return Decision(verdict=Verdict.EXPIRED, by="", reason="", at=at)


def step_value(verdict: Verdict, *, by: str, reason: str) -> str:
    """Write what the journal records of a decision, without its time: equal for equal ones."""
    return canonical({"verdict": verdict, "by": by, "reason": reason})


def seen(approval: Approval, *, run: int, status: TaskStatus) -> Approval:
    """Show a question as it stands, by the run and status that its task has now."""
    is_over = status in TERMINAL or run != approval.run
    if approval.state is ApprovalState.PENDING and is_over:
        return replace(approval, state=ApprovalState.WITHDRAWN)
    return approval


def is_due(approval: Approval, *, now: float) -> bool:
    """Say whether a question is still open though its time is over."""
    is_pending = approval.state is ApprovalState.PENDING
    return is_pending and approval.expires_at is not None and approval.expires_at <= now


def asked_told(approval: Approval) -> dict[str, Json]:
    """What the event of a question carries."""
    return {
        "approval": approval.id,
        "key": approval.key,
        "question": approval.question,
        "expires_at": approval.expires_at,
    }


def decided_told(approval: Approval, decision: Decision) -> dict[str, Json]:
    """What the event of a decision carries."""
    return {
        "approval": approval.id,
        "key": approval.key,
        "verdict": decision.verdict,
        "by": decision.by,
        "reason": decision.reason,
    }
