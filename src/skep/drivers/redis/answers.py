"""How the functions' answers and the rows become records and errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from skep.policy.reopening import moved_away, nothing_to_retry
from skep.policy.telling import closed
from skep.records.codec import request_at, request_from, spec_from
from skep.records.command import Order, Receipt, ReceiptVerdict
from skep.records.errors import (
    ArtifactNotFound,
    CommandConflict,
    Conflict,
    DuplicateTask,
    Fenced,
    IllegalMove,
    LimitExceeded,
    SkepError,
    SwarmClosed,
    SwarmNotFound,
    TaskNotDead,
    TaskNotFound,
    UnknownDependency,
)
from skep.records.event import Cursor, Event, Page
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.lease import Beat, BeatVerdict, Grant, Token
from skep.records.outcome import Artifact
from skep.records.purse import amount_from, limits_of, purse_from
from skep.records.step import Effect, Step, StepAnswer, StepState, StepVerdict
from skep.records.swarm import Swarm, SwarmRequest, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.values import Digest, parsed

Fields = Mapping[str, str]


def receipt_of(
    answer: Sequence[str], swarm: SwarmId, *, refusal: SkepError | None
) -> Receipt | SkepError:
    """Read the answer to a submission or an addition."""
    verdict, *rest = answer
    match verdict:
        case "OK":
            return Receipt(verdict=ReceiptVerdict.OK, swarm=SwarmId(rest[0]))
        case "ALREADY":
            return Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId(rest[0]))
        case "REFUSED" if refusal is not None:
            return refusal
        case "CONFLICT":
            return CommandConflict()
        case "EXISTS":
            return CommandConflict(f"Swarm {swarm} exists already.")
        case _:
            return refusal_of(verdict, rest, swarm)


def refusal_of(verdict: str, rest: Sequence[str], swarm: SwarmId) -> SkepError:
    """Read why tasks cannot be added."""
    match verdict:
        case "NOSWARM":
            return SwarmNotFound(swarm=swarm)
        case "CLOSED":
            return SwarmClosed(f"Swarm {swarm} is {rest[0]} and takes no more tasks.")
        case "FENCED":
            return Fenced()
        case "DUPLICATE":
            return DuplicateTask(task=rest[0])
        case "UNKNOWN":
            return UnknownDependency(task=rest[0], missing=rest[1])
        case _:
            return _bounded(verdict, rest)


def _bounded(verdict: str, rest: Sequence[str]) -> SkepError:
    match verdict:
        case "LIMIT":
            return LimitExceeded(limit=rest[0], allowed=float(rest[1]), actual=float(rest[2]))
        case "NOBLOB":
            missing = f"There is no content {rest[0][:12]}…."
            return ArtifactNotFound(missing, hint="Put it once more.")
        case _:
            raise AssertionError(f"an answer that nobody gives: {verdict}")


def steered(answer: Sequence[str], order: Order) -> SwarmStatus | SkepError:
    """Read the answer to an order."""
    verdict, *rest = answer
    match verdict:
        case "OK":
            return SwarmStatus(rest[0])
        case "ILLEGAL":
            return IllegalMove(status=rest[0], move=order.move)
        case "CLOSED":
            return closed(order.swarm, SwarmStatus(rest[0]))
        case _:
            return _order_refusal(verdict, rest, order)


def _order_refusal(verdict: str, rest: Sequence[str], order: Order) -> SkepError:
    match verdict:
        case "CONFLICT":
            return CommandConflict()
        case "NOTHING":
            return nothing_to_retry(order)
        case "NOTDEAD":
            return TaskNotDead(task=rest[0], status=rest[1])
        case "NOTASK":
            return TaskNotFound(swarm=order.swarm, task=rest[0])
        case "BUSY" | "MOVED":
            return _stuck(verdict, rest)
        case _:
            return refusal_of(verdict, rest, order.swarm)


def _stuck(verdict: str, rest: Sequence[str]) -> SkepError:
    if verdict == "MOVED":
        return moved_away(TaskKey(rest[0]))
    return Conflict(
        f"Task {rest[0]!r} is {rest[1]} and cannot begin anew.",
        hint="Wait until it has ended, or cancel the swarm.",
    )


def grants_of(answer: Sequence[Sequence[Any]], *, incarnation: str) -> list[Grant]:
    """Read the answer to a claim: the grants, then what is told of each of their swarms.

    That is its id, request, cap, purse, and how many messages it holds.
    """
    rows, told = answer
    swarms = {
        SwarmId(swarm): (request_at(text, cap=int(cap), limits=limits_of(purse)), int(held))
        for swarm, text, cap, purse, held in zip(*(told[n::5] for n in range(5)), strict=True)
    }
    return [_grant(row, swarms, incarnation=incarnation) for row in rows]


def _grant(
    row: Sequence[Any], swarms: Mapping[SwarmId, tuple[SwarmRequest, int]], *, incarnation: str
) -> Grant:
    swarm, key, run, attempt, nonce, spec, failures, lease, hard, ups, has_steps = row
    request, held = swarms[SwarmId(swarm)]
    return Grant(
        token=Token(
            incarnation=incarnation,
            swarm=SwarmId(swarm),
            task=TaskKey(key),
            run=int(run),
            attempt=int(attempt),
            nonce=nonce,
        ),
        spec=spec_from(spec),
        request=request,
        has_steps=bool(has_steps),
        waited_for=tuple(TaskKey(up) for up in ups),
        failures=int(failures),
        lease_until=float(lease),
        hard_until=float(hard),
        told=held,
    )


def beat_of(row: Sequence[str]) -> Beat:
    """Read one answer to a renewal."""
    verdict, status, until = row
    return Beat(
        verdict=BeatVerdict(verdict),
        swarm_status=SwarmStatus(status) if status else None,
        lease_until=float(until),
    )


def step_answer_of(row: Sequence[str]) -> StepAnswer:
    """Read one answer of the journal."""
    verdict, *rest = row
    held, value = next(iter(rest), "0"), next(iter(rest[1:]), None)
    return StepAnswer(verdict=StepVerdict(verdict), value=value, told=int(held))


def swarm_of(swarm: SwarmId, fields: Fields) -> Swarm:
    """Read a swarm's hash."""
    return Swarm(
        id=swarm,
        request=replace(request_from(fields["request"]), max_agents=int(fields["cap"])),
        status=SwarmStatus(fields["status"]),
        sealed=fields["sealed"] == "1",
        counts={status: int(fields[f"n:{status}"]) for status in TaskStatus},
        last_seq=int(fields["seq"]),
        created_at=float(fields["created_at"]),
        ended_at=_time(fields["ended_at"]),
        deadline=_time(fields["deadline"]),
        reason=fields["reason"],
        purse=purse_from(fields.get("purse")),
    )


SEEN: Final = (
    *("ordinal", "spec", "status", "unmet", "run", "attempt", "failures", "outcome", "reason"),
    *("worker", "lease_until", "hard_until", "awaits", "wake_at", "started_at", "ended_at"),
)
"""The fields of a task in the order in which functions/85_reading.lua gives them."""

UNTOUCHED: Final[Fields] = {
    "run": "1",
    "attempt": "0",
    "failures": "0",
    **dict.fromkeys(("nonce", "spent", "outcome", "reason", "artifacts", "worker"), ""),
    **dict.fromkeys(("lease_until", "hard_until", "wake_at", "started_at", "ended_at"), ""),
}
"""What a task is to which nothing has happened yet: such fields are not written."""


def task_in(ref: TaskRef, row: Sequence[Any]) -> Task:
    """Read a task as a function gave it; raises `TaskNotFound` when it gave none."""
    if not row:
        raise TaskNotFound(swarm=ref.swarm, task=ref.key)
    told = {name: text for name, text in zip(SEEN, row, strict=False) if text is not None}
    fields = {**UNTOUCHED, **told}
    return task_of(ref, fields, is_last=not row[len(SEEN)])


def task_of(ref: TaskRef, fields: Fields, *, is_last: bool) -> Task:
    """Read a task's hash."""
    return Task(
        ref=ref,
        ordinal=int(fields["ordinal"]),
        spec=spec_from(fields["spec"]),
        status=TaskStatus(fields["status"]),
        unmet=int(fields["unmet"]),
        is_last=is_last,
        run=int(fields["run"]),
        attempt=int(fields["attempt"]),
        failures=int(fields["failures"]),
        outcome=fields["outcome"] or None,
        reason=fields["reason"],
        worker=WorkerId(fields["worker"]) if fields["worker"] else None,
        lease_until=_time(fields["lease_until"]),
        hard_until=_time(fields["hard_until"]),
        awaits=_awaits(fields),
        wake_at=_time(fields["wake_at"]),
        started_at=_time(fields["started_at"]),
        ended_at=_time(fields["ended_at"]),
    )


def artifacts_of(fields: Fields) -> list[Artifact]:
    """Read what a task left behind, by name."""
    rows: Any = parsed(fields["artifacts"] or "[]")
    found = [
        Artifact(name=name, media_type=media, digest=Digest(digest), size_bytes=size)
        for name, media, digest, size in rows
    ]
    return sorted(found, key=lambda artifact: artifact.name)


def step_of(ref: TaskRef, run: int, text: str) -> Step:
    """Read a line of the journal."""
    fields: Any = parsed(text)
    return Step(
        ref=ref,
        run=run,
        key=fields["key"],
        fingerprint=Digest(fields["fingerprint"]),
        effect=Effect(fields["effect"]),
        state=StepState(fields["state"]),
        intent=fields["intent"],
        calls=int(fields["calls"]),
        value=fields.get("value"),
        reserved=amount_from(fields.get("reserved")),
        spent=amount_from(fields.get("spent")),
        payee=fields.get("payee", ""),
    )


def page_of(row: Sequence[str], cursor: Cursor, *, incarnation: str) -> Page:
    """Read the answer to a look at the log; raises `SwarmNotFound`."""
    verdict, *texts = row
    if verdict == "NOSWARM":
        raise SwarmNotFound(swarm=cursor.swarm)
    if verdict == "GAP":
        return Page(events=(), cursor=Cursor(incarnation=incarnation, swarm=cursor.swarm), gap=True)
    events = tuple(event_of(cursor.swarm, text) for text in texts)
    last = events[-1].seq if events else cursor.seq
    here = Cursor(incarnation=incarnation, swarm=cursor.swarm, seq=last)
    return Page(events=events, cursor=here)


def event_of(swarm: SwarmId, text: str) -> Event:
    """Read an event."""
    fields: Any = parsed(text)
    return Event(
        swarm=swarm,
        seq=fields["seq"],
        kind=fields["kind"],
        at=fields["at"],
        task=TaskKey(fields["task"]) if "task" in fields else None,
        data=fields["data"],
    )


def _awaits(fields: Fields) -> tuple[ApprovalId, ...]:
    """Read which approvals a blocked task waits for; a task that never was so has no field."""
    names = fields.get("awaits", "") if fields["status"] == TaskStatus.BLOCKED else ""
    return tuple(ApprovalId(each) for each in names.split(",") if each)


def _time(text: str) -> float | None:
    return float(text) if text else None
