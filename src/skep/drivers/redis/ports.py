"""The ports over the wire: each operation is one function call, or reads that change nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from skep.drivers.bell import Watch, rest_topic
from skep.drivers.redis import asks, letters, questions, reading, tasks, telling
from skep.drivers.redis.answers import (
    beat_of,
    grants_of,
    page_of,
    receipt_of,
    steered,
    step_answer_of,
)
from skep.drivers.redis.hints import RESTS, Rung
from skep.drivers.redis.life import FileUnproved, Life
from skep.drivers.redis.line import Word
from skep.drivers.redis.staging import is_large, submit_by_pieces
from skep.drivers.redis.wire import Wire
from skep.policy.bounds import (
    check_asks,
    check_blobs,
    check_entries,
    check_orders,
    check_remarks,
    check_replies,
    check_settlements,
)
from skep.policy.endings import rests
from skep.policy.plans import check_plan, check_request, check_tasks
from skep.policy.steering import check_steering
from skep.ports.system import Chance
from skep.records.approval import Approval, ApprovalState, Ask, AskAnswer, Reply, ReplyVerdict
from skep.records.command import Addition, Order, Receipt, Submission
from skep.records.errors import ArtifactNotFound, SkepError
from skep.records.event import Cursor, Page, is_news
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.leadership import Mandate
from skep.records.lease import Beat, Grant, Offer, Swept, Token
from skep.records.letter import DeadLetter
from skep.records.limits import CLAIM_MAX, EVENTS_PAGE_MAX
from skep.records.outcome import Artifact, Settlement, SettleVerdict
from skep.records.step import Entry, Step, StepAnswer
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task
from skep.records.told import Told
from skep.records.values import Digest, Json, blob_digest, canonical

Seen = TypeVar("Seen")

WORK_TOPIC = "swarm:tasks"
CLAIM_TRIES = 2
NONCES = 1 << 128
"""How many nonces there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the ports share. `now` is empty where the server's own clock is to be used."""

    life: Life
    watch: Watch
    chance: Chance
    now: Callable[[], str]
    listen: Callable[..., Awaitable[None]]
    """Begins to hear a channel."""
    rung: Rung = field(default_factory=Rung)

    @property
    def wire(self) -> Wire:
        """For what only reads."""
        return self.life.wire

    async def call(self, operation: str, *args: Word) -> Any:
        """Call an operation at the store's time."""
        return await self.life.call(operation, self.now(), *args)

    async def watched(
        self,
        found: Callable[[Seen], bool],
        look: Callable[[], Awaitable[Seen]],
        *,
        topic: str,
        patience_s: float,
        channel: str = "",
    ) -> Seen:
        """Look until something is found, with ears open for the topic as long as patience lasts.

        The channel on which the topic is announced bears its name, unless it is given.
        """
        if patience_s > 0:
            await self.listen(channel or topic)
        return await self.watch.until(found, look, topic=topic, patience_s=patience_s)


class RedisWork:
    """Plans in, tasks out, outcomes back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Receipt | SkepError]:
        """See `ports.store.Work.submit`."""
        return await asyncio.gather(*map(self._submit, submissions))

    async def add(self, additions: Sequence[Addition]) -> Sequence[Receipt | SkepError]:
        """See `ports.store.Work.add`."""
        return [await self._add(addition) for addition in additions]

    async def claim(self, offer: Offer, *, limit: int, patience_s: float = 0.0) -> Sequence[Grant]:
        """See `ports.store.Work.claim`."""
        limit = min(limit, CLAIM_MAX)
        ask = asks.offer_ask(offer)

        async def look() -> Sequence[Grant]:
            nonces = _nonces(self._desk.chance, limit)
            incarnation, answer = await self._claim(ask, limit, nonces)
            return grants_of(answer, incarnation=incarnation)

        return await self._desk.watched(bool, look, topic=WORK_TOPIC, patience_s=patience_s)

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[SettleVerdict]:
        """See `ports.store.Work.settle`."""
        check_settlements(settlements)
        told = ",".join(map(asks.settlement_ask, settlements))  # one long word costs less than many
        return [SettleVerdict(word) for word in await self._desk.call("settle", f"[{told}]")]

    async def steer(self, orders: Sequence[Order]) -> Sequence[SwarmStatus | SkepError]:
        """See `ports.store.Work.steer`."""
        check_orders(orders)
        return [await self._steer(order) for order in orders]

    async def _claim(self, *told: str | float) -> tuple[str, Sequence[Sequence[Any]]]:
        life = self._desk.life
        for _ in range(CLAIM_TRIES):
            try:
                return await life.answer("claim", self._desk.now(), *told)
            except FileUnproved:
                if not await life.prove_file():
                    break  # another process is at it; nothing is given out so long
        return life.incarnation, ((), ())

    async def _submit(self, submission: Submission) -> Receipt | SkepError:
        refusal = _refusal(lambda: _check_submission(submission))
        if refusal is None and is_large(submission):
            answer = await submit_by_pieces(self._desk.call, submission)
            return receipt_of(answer, submission.swarm, refusal=None)
        ask = asks.submission_ask(submission, refused=refusal is not None)
        answer = await self._desk.call("submit", ask)
        return receipt_of(answer, submission.swarm, refusal=refusal)

    async def _add(self, addition: Addition) -> Receipt | SkepError:
        refusal = _refusal(lambda: _check_addition(addition))
        ask = asks.addition_ask(addition, refused=refusal is not None)
        answer = await self._desk.call("add", ask)
        return receipt_of(answer, addition.swarm, refusal=refusal)

    async def _steer(self, order: Order) -> SwarmStatus | SkepError:
        refusal = _refusal(lambda: check_steering(order))
        if refusal is not None:
            return refusal
        return steered(await self._desk.call("steer", asks.order_ask(order)), order)


class RedisLeases:
    """Who holds what, and what is due."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def renew(self, tokens: Sequence[Token], *, lease_s: float) -> Sequence[Beat]:
        """See `ports.store.Leases.renew`."""
        told = [canonical(asks.token_json(token)) for token in tokens]
        return [beat_of(row) for row in await self._desk.call("renew", lease_s, *told)]

    async def reclaim(self, worker: WorkerId) -> int:
        """See `ports.store.Leases.reclaim`."""
        return int(await self._desk.call("reclaim", worker))

    async def sweep(self, *, limit: int = 256, mandate: Mandate | None = None) -> Swept:
        """See `ports.store.Leases.sweep`."""
        did = await self._desk.call("sweep", limit, asks.mandate_ask(mandate))
        names = ("lost", "given_up", "woken", "drained", "timed_out", "expired")
        return Swept(**dict(zip(names, did, strict=True)))

    async def reconcile(self, *, mandate: Mandate | None = None) -> int:
        """See `ports.store.Leases.reconcile`."""
        return int(await self._desk.call("reconcile", asks.mandate_ask(mandate)))


class RedisJournal:
    """Intents and results."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def write(self, entries: Sequence[Entry]) -> Sequence[StepAnswer]:
        """See `ports.store.Journal.write`."""
        check_entries(entries)
        told = [asks.entry_ask(entry) for entry in entries]
        return [step_answer_of(row) for row in await self._desk.call("write", *told)]

    async def read(self, ref: TaskRef, *, run: int) -> Sequence[Step]:
        """See `ports.store.Journal.read`."""
        return await reading.steps(self._desk.wire, ref, run=run)


class RedisApprovals:
    """Questions to people."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(self, asks: Sequence[Ask]) -> Sequence[AskAnswer]:
        """See `ports.store.Approvals.ask`."""
        check_asks(asks)
        told = [questions.question_ask(each) for each in asks]
        return [questions.ask_answer_of(row) for row in await self._desk.call("ask", *told)]

    async def decide(self, replies: Sequence[Reply]) -> Sequence[ReplyVerdict | SkepError]:
        """See `ports.store.Approvals.decide`."""
        check_replies(replies)
        told = [questions.reply_ask(each) for each in replies]
        rows = await self._desk.call("decide", *told)
        return list(map(questions.reply_answer_of, rows, replies))

    async def read(self, ids: Sequence[ApprovalId]) -> Sequence[Approval]:
        """See `ports.store.Approvals.read`."""
        return await questions.some(self._desk.life, ids)

    async def find(
        self,
        *,
        swarm: SwarmId | None = None,
        state: ApprovalState | None = None,
        before: ApprovalId | None = None,
        limit: int = 50,
    ) -> Sequence[Approval]:
        """See `ports.store.Approvals.find`."""
        life = self._desk.life
        return await questions.page(life, swarm=swarm, state=state, before=before, limit=limit)


class RedisLog:
    """Events."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def read(self, cursor: Cursor, *, limit: int = 256, patience_s: float = 0.0) -> Page:
        """See `ports.store.EventLog.read`."""

        async def look() -> Page:
            told = (cursor.swarm, cursor.incarnation, cursor.seq, min(limit, EVENTS_PAGE_MAX))
            incarnation, rows = await self._desk.life.answer("page", *told)
            return page_of(rows, cursor, incarnation=incarnation)

        return await self._desk.watched(
            is_news,
            look,
            topic=f"swarm:{cursor.swarm}",
            patience_s=patience_s,
        )

    async def remark(self, token: Token, remarks: Sequence[dict[str, Json]]) -> bool:
        """See `ports.store.EventLog.remark`."""
        check_remarks(remarks)
        told = [canonical(remark) for remark in remarks]
        answer = await self._desk.call("remark", canonical(asks.token_json(token)), *told)
        return bool(answer)


class RedisRegistry:
    """Reading swarms and tasks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def swarm(self, swarm: SwarmId) -> Swarm:
        """See `ports.store.Registry.swarm`."""
        return await reading.swarm(self._desk.wire, swarm)

    async def rest(self, swarm: SwarmId, *, patience_s: float = 0.0) -> Swarm:
        """See `ports.store.Registry.rest`."""
        return await self._desk.watched(
            rests,
            lambda: self.swarm(swarm),
            topic=rest_topic(swarm),
            patience_s=patience_s,
            channel=RESTS,
        )

    async def swarms(
        self, *, status: SwarmStatus | None = None, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """See `ports.store.Registry.swarms`."""
        return await reading.swarms(self._desk.wire, status=status, before=before, limit=limit)

    async def tasks(self, swarm: SwarmId) -> Sequence[Task]:
        """See `ports.store.Registry.tasks`."""
        return await tasks.all_of(self._desk.life, swarm)

    async def read(self, refs: Sequence[TaskRef]) -> Sequence[Task]:
        """See `ports.store.Registry.read`."""
        return await tasks.some(self._desk.life, refs)

    async def artifacts(self, swarm: SwarmId) -> Sequence[tuple[TaskRef, Artifact]]:
        """See `ports.store.Registry.artifacts`."""
        return await reading.artifacts(self._desk.wire, swarm)

    async def dead_letters(
        self, *, swarm: SwarmId | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """See `ports.store.Registry.dead_letters`."""
        wire = self._desk.wire
        return await letters.dead_letters(wire, swarm_id=swarm, before=before, limit=limit)

    async def told(self, swarm: SwarmId, *, after: int = 0) -> Sequence[Told]:
        """See `ports.store.Registry.told`."""
        return await telling.read(self._desk.wire, swarm, after=after)


class RedisBlobs:
    """Content by hash."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def put(self, contents: Sequence[bytes]) -> Sequence[Digest]:
        """See `ports.store.Blobs.put`."""
        check_blobs(contents)
        digests = [blob_digest(content) for content in contents]
        for digest, content in zip(digests, contents, strict=True):
            await self._desk.call("put", digest, content)
        return digests

    async def get(self, digest: Digest) -> bytes:
        """See `ports.store.Blobs.get`."""
        content = await self._desk.wire.get_bytes(f"skep:blob:{digest}")
        if content is None:
            raise ArtifactNotFound(f"There is no content {digest[:12]}….")
        return content


def _nonces(chance: Chance, number: int) -> str:
    """Draw a nonce for each grant there may be: one by chance, and those that follow it."""
    first = int(chance.nonce(), 16)
    return ",".join(f"{(first + place) % NONCES:032x}" for place in range(number))


def _refusal(check: Callable[[], None]) -> SkepError | None:
    try:
        check()
    except SkepError as refusal:
        return refusal
    return None


def _check_submission(submission: Submission) -> None:
    check_request(submission.request)
    check_plan(submission.plan)


def _check_addition(addition: Addition) -> None:
    """Check what can be known of the tasks without the swarm; the function checks the rest."""
    own = {task.key for task in addition.tasks}
    outside = {TaskKey(key) for task in addition.tasks for key in task.after} - own
    check_tasks(addition.tasks, known=outside)
