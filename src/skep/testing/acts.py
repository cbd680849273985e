"""What tests do with a store again and again, each in one word."""

from collections.abc import Sequence
from typing import Unpack

from skep.policy.approving import asked_as
from skep.ports.store import Store
from skep.records.approval import AskVerdict, ReplyVerdict, Verdict
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.errors import SkepError
from skep.records.event import Cursor, Event
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef
from skep.records.lease import Grant, Token
from skep.records.letter import DeadLetter
from skep.records.outcome import Outcome, Settlement, SettleVerdict, Succeeded
from skep.records.step import Entry, StepAnswer
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import Task, TaskSpec, TaskStatus
from skep.records.values import Json
from skep.testing.samples import (
    Asking,
    OfferFields,
    OrderFields,
    Replying,
    RequestFields,
    offer,
    order,
    question,
    reply,
    submission,
)


async def submit(
    store: Store,
    swarm: str,
    *tasks: TaskSpec,
    sealed: bool = True,
    **request: Unpack[RequestFields],
) -> None:
    """Submit a swarm that must be accepted."""
    [answer] = await store.work.submit([submission(swarm, *tasks, sealed=sealed, **request)])
    assert isinstance(answer, Receipt), answer
    assert answer.verdict is ReceiptVerdict.OK


async def claim(
    store: Store, limit: int = 64, *, worker: str = "w1", **fields: Unpack[OfferFields]
) -> Sequence[Grant]:
    """Claim what is ready now."""
    return await store.work.claim(offer(worker, **fields), limit=limit)


async def claim_one(store: Store, *, worker: str = "w1", **fields: Unpack[OfferFields]) -> Grant:
    """Claim one task, which must be there."""
    [grant] = await claim(store, 1, worker=worker, **fields)
    return grant


async def settle(store: Store, outcome: Outcome, *grants: Grant) -> list[SettleVerdict]:
    """Settle grants, all with the same outcome."""
    settlements = [Settlement(token=grant.token, outcome=outcome) for grant in grants]
    return list(await store.work.settle(settlements))


async def succeed(store: Store, *grants: Grant, value: Json = None) -> list[SettleVerdict]:
    """Settle grants as done."""
    return await settle(store, Succeeded(value=value), *grants)


async def steer(
    store: Store, swarm: str, move: SwarmMove, *tasks: str, **fields: Unpack[OrderFields]
) -> SwarmStatus:
    """Steer a swarm, which must be allowed."""
    [answer] = await store.work.steer([order(swarm, move, *tasks, **fields)])
    assert isinstance(answer, SwarmStatus), answer
    return answer


async def write(store: Store, entry: Entry) -> StepAnswer:
    """Write one entry into the journal."""
    [answer] = await store.journal.write([entry])
    return answer


async def ask(store: Store, token: Token, name: str = "q", **fields: Unpack[Asking]) -> ApprovalId:
    """Put a question, which must stand afterwards; gives its id."""
    asked = question(token, name, **fields)
    [answer] = await store.approvals.ask([asked])
    assert answer.verdict is AskVerdict.ASKED, answer
    return asked_as(asked)


async def decide(
    store: Store,
    approval: ApprovalId,
    verdict: Verdict = Verdict.APPROVED,
    **fields: Unpack[Replying],
) -> ReplyVerdict | SkepError:
    """Reply to a question; gives what the store says to it."""
    [answer] = await store.approvals.decide([reply(approval, verdict, **fields)])
    return answer


async def task_of(store: Store, swarm: str, key: str) -> Task:
    """Read one task."""
    [task] = await store.registry.read([TaskRef(swarm=SwarmId(swarm), key=TaskKey(key))])
    return task


async def statuses(store: Store, swarm: str) -> dict[str, TaskStatus]:
    """Read where the tasks of a swarm stand."""
    return {task.ref.key: task.status for task in await store.registry.tasks(SwarmId(swarm))}


async def status_of(store: Store, swarm: str) -> SwarmStatus:
    """Read where a swarm stands."""
    return (await store.registry.swarm(SwarmId(swarm))).status


async def events(store: Store, swarm: str) -> list[Event]:
    """Read the whole log of a swarm."""
    found: list[Event] = []
    cursor = Cursor(incarnation="", swarm=SwarmId(swarm))
    while (page := await store.log.read(cursor, limit=1_000)).events:
        found.extend(page.events)
        cursor = page.cursor
    return found


async def kinds(store: Store, swarm: str) -> list[str]:
    """Read the kinds of all events of a swarm, in order."""
    return [event.kind for event in await events(store, swarm)]


async def all_dead_letters(store: Store, *, limit: int = 2) -> list[DeadLetter]:
    """Read the whole list of dead letters, page by page."""
    found: list[DeadLetter] = []
    cursor: str | None = None
    while page := await store.registry.dead_letters(before=cursor, limit=limit):
        found.extend(page)
        cursor = page[-1].cursor
    return found


def keys(grants: Sequence[Grant]) -> list[str]:
    """Name the tasks that were granted, in order."""
    return [grant.token.task for grant in grants]


def swarms(grants: Sequence[Grant]) -> list[str]:
    """Name the swarms whose tasks were granted, in order."""
    return [grant.token.swarm for grant in grants]
