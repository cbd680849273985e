"""Questions to people over the wire: how they are put and decided, and how they are read."""

from collections.abc import Sequence
from typing import Final

from skep.drivers.redis.answers import Fields
from skep.drivers.redis.asks import token_json
from skep.drivers.redis.life import Life
from skep.policy.approving import asked_as, judge_second, seen, step_value
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
from skep.records.errors import ApprovalNotFound, ApprovalWithdrawn, SkepError
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef
from skep.records.task import TaskStatus
from skep.records.values import Digest, Json, canonical, parsed

ALL: Final = "skep:approvals"
UNDECIDED: Final = "skep:undecided"
LOOK_MAX: Final = 100
"""Questions read by one call."""


def question_ask(ask: Ask) -> str:
    """A question."""
    fields: dict[str, Json] = {
        "token": token_json(ask.token),
        "id": asked_as(ask),
        "key": ask.key,
        "fingerprint": ask.fingerprint,
        "question": ask.question,
        "detail": canonical(ask.detail),
    }
    if ask.expires_s is not None:
        fields["expires_s"] = ask.expires_s
    return canonical(fields)


def reply_ask(reply: Reply) -> str:
    """A reply, with the text that the journal records of it."""
    return canonical(
        {
            "approval": reply.approval,
            "verdict": reply.verdict,
            "by": reply.by,
            "reason": reply.reason,
            "value": step_value(reply.verdict, by=reply.by, reason=reply.reason),
        }
    )


def ask_answer_of(row: Sequence[str]) -> AskAnswer:
    """Read the answer to a question."""
    verdict, *rest = row
    return AskAnswer(verdict=AskVerdict(verdict), decision=_decision(rest) if rest else None)


def reply_answer_of(row: Sequence[str], reply: Reply) -> ReplyVerdict | SkepError:
    """Read the answer to a reply."""
    match row:
        case ["OK" | "ALREADY"]:
            return ReplyVerdict(row[0].lower())
        case ["WITHDRAWN", swarm, task]:
            return ApprovalWithdrawn(approval=reply.approval, task=f"{swarm}/{task}")
        case ["DECIDED", state, by, at]:
            return judge_second(_decision((state, by, "", at)), reply)
        case _:
            return ApprovalNotFound(approval=reply.approval)


async def some(life: Life, ids: Sequence[ApprovalId]) -> list[Approval]:
    """Read some questions in the order asked for; raises `ApprovalNotFound`."""
    found: list[Approval] = []
    for start in range(0, len(ids), LOOK_MAX):
        asked = ids[start : start + LOOK_MAX]
        _, rows = await life.answer("look_at", *asked)
        for approval, row in zip(asked, rows, strict=True):
            if not row:
                raise ApprovalNotFound(approval=approval)
            fields, run, status = row
            found.append(_seen(approval, _fields(fields), run=int(run), status=status))
    return found


async def every(life: Life) -> list[Approval]:
    """Read all questions, the oldest first."""
    return await some(life, await life.wire.command("ZRANGE", ALL, 0, -1))


async def page(
    life: Life,
    *,
    swarm: SwarmId | None,
    state: ApprovalState | None,
    before: ApprovalId | None,
    limit: int,
) -> list[Approval]:
    """Read questions, the newest first; raises `ApprovalNotFound` for `before`."""
    index = UNDECIDED if state is ApprovalState.PENDING else ALL
    index = index if swarm is None else f"swarm:{swarm}:approvals"
    below = "+inf" if before is None else await _below(life, before)
    found: list[Approval] = []
    while len(found) < limit:
        asked = (index, below, "-inf", "WITHSCORES", "LIMIT", 0, LOOK_MAX)
        flat = await life.wire.command("ZREVRANGEBYSCORE", *asked)
        seen_ones = await some(life, [ApprovalId(each) for each in flat[::2]])
        found += [each for each in seen_ones if state is None or each.state is state]
        if len(seen_ones) < LOOK_MAX:
            break
        below = f"({flat[-1]}"
    return found[:limit]


async def _below(life: Life, before: ApprovalId) -> str:
    place = await life.wire.command("ZSCORE", ALL, before)
    if place is None:
        raise ApprovalNotFound(approval=before)
    return f"({place}"


def _seen(approval: ApprovalId, fields: Fields, *, run: int, status: str) -> Approval:
    state = ApprovalState(fields["state"])
    is_pending = state is ApprovalState.PENDING
    told = (fields["state"], fields["by"], fields["reason"], fields["decided_at"])
    stored = Approval(
        id=approval,
        ref=TaskRef(swarm=SwarmId(fields["swarm"]), key=TaskKey(fields["task"])),
        run=int(fields["run"]),
        key=fields["key"],
        fingerprint=Digest(fields["fingerprint"]),
        question=fields["question"],
        detail=parsed(fields["detail"]),
        asked_at=float(fields["asked_at"]),
        expires_at=float(fields["expires_at"]) if fields["expires_at"] else None,
        state=state,
        decision=None if is_pending else _decision(told),
    )
    return seen(stored, run=run, status=TaskStatus(status))


def _fields(flat: Sequence[str]) -> Fields:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _decision(told: Sequence[str]) -> Decision:
    verdict, by, reason, at = told
    return Decision(verdict=Verdict(verdict), by=by, reason=reason, at=float(at))
