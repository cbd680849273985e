"""Asking a person from inside a task: the decision, or the end of the attempt until there is one.

The task does not wait in its worker. The attempt ends with a signal, the task blocks, and the
decision wakes it: the next attempt of the same run asks again, and is answered at once.
"""

from collections.abc import Sequence
from typing import Final

from skep.agent.brief import Brief
from skep.agent.journal import refusal_of
from skep.policy.approving import asked_as, fingerprint_of
from skep.records.approval import ASKED, Ask, AskVerdict, Decision
from skep.records.ids import ApprovalId
from skep.records.limits import AWAITS_MAX
from skep.records.outcome import Blocked
from skep.records.step import StepVerdict
from skep.records.values import Json

REASON_CHARS: Final = 300


class AwaitsDecision(BaseException):
    """Ends an attempt whose question nobody has answered yet.

    No `Exception`, because a user's broad `except Exception` must not take it for a failure.
    """

    def __init__(self, *, approval: ApprovalId, question: str) -> None:
        super().__init__(f"Approval {approval} is not decided: {question}")
        self.approval = approval
        self.question = question


async def decision_on(
    brief: Brief, path: str, question: str, *, detail: Json, expires_s: float | None
) -> Decision:
    """Give the decision of a question, or put it and end the attempt with `AwaitsDecision`.

    `path` names it in the run. Raises `Diverged`, `Fenced`, `LimitExceeded` or `InvalidInput`.
    """
    ask = Ask(
        token=brief.grant.token,
        key=f"{ASKED}{path}",
        fingerprint=fingerprint_of(question, detail),
        question=question,
        detail=detail,
        expires_s=expires_s,
    )
    brief.journal.use(ask.key)
    (answer,) = await brief.store.approvals.ask([ask])
    if answer.decision is not None:
        return answer.decision
    if answer.verdict is not AskVerdict.ASKED:
        raise refusal_of(StepVerdict(answer.verdict), ask.key)
    raise AwaitsDecision(approval=asked_as(ask), question=question)


def parted(
    signal: AwaitsDecision | BaseExceptionGroup[BaseException],
) -> tuple[Sequence[AwaitsDecision], BaseException | None]:
    """Part the questions that ended an attempt, in its task groups too, from what else did."""
    if isinstance(signal, AwaitsDecision):
        return [signal], None
    asked, other = signal.split(AwaitsDecision)
    return (_leaves(asked) if asked is not None else []), other


def blocked(asked: Sequence[AwaitsDecision]) -> Blocked:
    """The outcome of an attempt that asked."""
    first, *others = asked
    more = f" (and {len(others)} more)" if others else ""
    return Blocked(
        reason=f"It asks: {first.question[:REASON_CHARS]}{more}",
        awaits=tuple(each.approval for each in asked[:AWAITS_MAX]),
    )


def _leaves(group: BaseExceptionGroup[AwaitsDecision]) -> list[AwaitsDecision]:
    found: list[AwaitsDecision] = []
    for each in group.exceptions:
        found += [each] if isinstance(each, AwaitsDecision) else _leaves(each)
    return found
