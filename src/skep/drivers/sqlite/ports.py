"""The ports over the two threads: each operation is one command of the writer or one read."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from skep.drivers.bell import Watch, rest_topic
from skep.drivers.sqlite import (
    approving,
    claiming,
    holdings,
    journal,
    leases,
    letters,
    questions,
    reading,
    settling,
    steering,
    submitting,
)
from skep.drivers.sqlite.changes import WORK_TOPIC, Changes
from skep.drivers.sqlite.electing import fenced
from skep.drivers.sqlite.hints import Hints
from skep.drivers.sqlite.threads import Reader, Writer
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
from skep.policy.fencing import is_current
from skep.ports.system import Chance
from skep.records.approval import Approval, ApprovalState, Ask, AskAnswer, Reply, ReplyVerdict
from skep.records.command import Addition, Order, Receipt, Submission
from skep.records.errors import SkepError
from skep.records.event import Cursor, Page, Remark, is_news
from skep.records.ids import ApprovalId, SwarmId, TaskRef, WorkerId
from skep.records.leadership import Mandate
from skep.records.lease import Beat, Grant, Offer, Swept, Token
from skep.records.letter import DeadLetter
from skep.records.limits import CLAIM_MAX, EVENTS_PAGE_MAX
from skep.records.outcome import Artifact, Settlement, SettleVerdict
from skep.records.step import Entry, Step, StepAnswer
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task
from skep.records.told import Told
from skep.records.values import Digest, Json, blob_digest

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the ports share."""

    writer: Writer
    reader: Reader
    watch: Watch
    hints: Hints
    chance: Chance
    incarnation: str

    async def watched(
        self,
        found: Callable[[Seen], bool],
        look: Callable[[], Awaitable[Seen]],
        *,
        topic: str,
        patience_s: float,
    ) -> Seen:
        """Look until something is found, with ears open for the topic as long as patience lasts."""
        if patience_s > 0:
            self.hints.listen(topic)
        return await self.watch.until(found, look, topic=topic, patience_s=patience_s)


class SqliteWork:
    """Plans in, tasks out, outcomes back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Receipt | SkepError]:
        """See `ports.store.Work.submit`."""
        return await self._desk.writer.ask(
            lambda changes: [submitting.submit(changes, each) for each in submissions]
        )

    async def add(self, additions: Sequence[Addition]) -> Sequence[Receipt | SkepError]:
        """See `ports.store.Work.add`."""
        return await self._desk.writer.ask(
            lambda changes: [submitting.add(changes, each) for each in additions]
        )

    async def claim(self, offer: Offer, *, limit: int, patience_s: float = 0.0) -> Sequence[Grant]:
        """See `ports.store.Work.claim`."""
        command = partial(
            claiming.claim, offer=offer, limit=min(limit, CLAIM_MAX), chance=self._desk.chance
        )
        return await self._desk.watched(
            bool,
            lambda: self._desk.writer.ask(command, lazily=True),
            topic=WORK_TOPIC,
            patience_s=patience_s,
        )

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[SettleVerdict]:
        """See `ports.store.Work.settle`."""
        check_settlements(settlements)
        return await self._desk.writer.ask(
            lambda changes: [settling.settle(changes, each) for each in settlements]
        )

    async def steer(self, orders: Sequence[Order]) -> Sequence[SwarmStatus | SkepError]:
        """See `ports.store.Work.steer`."""
        check_orders(orders)
        return await self._desk.writer.ask(
            lambda changes: [steering.steer(changes, each) for each in orders]
        )


class SqliteLeases:
    """Who holds what, and what is due."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def renew(self, tokens: Sequence[Token], *, lease_s: float) -> Sequence[Beat]:
        """See `ports.store.Leases.renew`."""
        return await self._desk.writer.ask(
            lambda changes: [leases.renew(changes, token, lease_s=lease_s) for token in tokens],
            lazily=True,
        )

    async def reclaim(self, worker: WorkerId) -> int:
        """See `ports.store.Leases.reclaim`."""
        return await self._desk.writer.ask(partial(leases.reclaim, worker=worker))

    async def sweep(self, *, limit: int = 256, mandate: Mandate | None = None) -> Swept:
        """See `ports.store.Leases.sweep`."""
        command = partial(leases.sweep, limit=limit)
        return await self._desk.writer.ask(fenced(command, mandate))

    async def reconcile(self, *, mandate: Mandate | None = None) -> int:
        """See `ports.store.Leases.reconcile`."""
        return await self._desk.writer.ask(fenced(leases.reconcile, mandate))


class SqliteJournal:
    """Intents and results."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def write(self, entries: Sequence[Entry]) -> Sequence[StepAnswer]:
        """See `ports.store.Journal.write`."""
        check_entries(entries)
        return await self._desk.writer.ask(
            lambda changes: journal.write(changes, entries), shares=True
        )

    async def read(self, ref: TaskRef, *, run: int) -> Sequence[Step]:
        """See `ports.store.Journal.read`."""
        return await self._desk.reader.ask(partial(reading.steps, ref=ref, run=run))


class SqliteApprovals:
    """Questions to people."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(self, asks: Sequence[Ask]) -> Sequence[AskAnswer]:
        """See `ports.store.Approvals.ask`."""
        check_asks(asks)
        return await self._desk.writer.ask(
            lambda changes: [approving.ask(changes, each) for each in asks]
        )

    async def decide(self, replies: Sequence[Reply]) -> Sequence[ReplyVerdict | SkepError]:
        """See `ports.store.Approvals.decide`."""
        check_replies(replies)
        return await self._desk.writer.ask(
            lambda changes: [approving.decide(changes, each) for each in replies]
        )

    async def read(self, ids: Sequence[ApprovalId]) -> Sequence[Approval]:
        """See `ports.store.Approvals.read`."""
        return await self._desk.reader.ask(partial(questions.some, ids=ids))

    async def find(
        self,
        *,
        swarm: SwarmId | None = None,
        state: ApprovalState | None = None,
        before: ApprovalId | None = None,
        limit: int = 50,
    ) -> Sequence[Approval]:
        """See `ports.store.Approvals.find`."""
        look = partial(questions.page, swarm=swarm, state=state, before=before, limit=limit)
        return await self._desk.reader.ask(look)


class SqliteLog:
    """Events."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def read(self, cursor: Cursor, *, limit: int = 256, patience_s: float = 0.0) -> Page:
        """See `ports.store.EventLog.read`."""
        look = partial(
            reading.page,
            cursor=cursor,
            incarnation=self._desk.incarnation,
            limit=min(limit, EVENTS_PAGE_MAX),
        )
        return await self._desk.watched(
            is_news,
            lambda: self._desk.reader.ask(look),
            topic=cursor.swarm,
            patience_s=patience_s,
        )

    async def remark(self, token: Token, remarks: Sequence[dict[str, Json]]) -> bool:
        """See `ports.store.EventLog.remark`."""
        check_remarks(remarks)
        return await self._desk.writer.ask(partial(_remark, token=token, remarks=remarks))


class SqliteRegistry:
    """Reading swarms and tasks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def swarm(self, swarm: SwarmId) -> Swarm:
        """See `ports.store.Registry.swarm`."""
        return await self._desk.reader.ask(partial(reading.swarm, swarm_id=swarm))

    async def rest(self, swarm: SwarmId, *, patience_s: float = 0.0) -> Swarm:
        """See `ports.store.Registry.rest`."""
        return await self._desk.watched(
            rests, lambda: self.swarm(swarm), topic=rest_topic(swarm), patience_s=patience_s
        )

    async def swarms(
        self, *, status: SwarmStatus | None = None, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """See `ports.store.Registry.swarms`."""
        look = partial(reading.swarms, status=status, before=before, limit=limit)
        return await self._desk.reader.ask(look)

    async def tasks(self, swarm: SwarmId) -> Sequence[Task]:
        """See `ports.store.Registry.tasks`."""
        return await self._desk.reader.ask(partial(reading.tasks, swarm_id=swarm))

    async def read(self, refs: Sequence[TaskRef]) -> Sequence[Task]:
        """See `ports.store.Registry.read`."""
        return await self._desk.reader.ask(partial(reading.some_tasks, refs=refs))

    async def artifacts(self, swarm: SwarmId) -> Sequence[tuple[TaskRef, Artifact]]:
        """See `ports.store.Registry.artifacts`."""
        return await self._desk.reader.ask(partial(reading.artifacts, swarm_id=swarm))

    async def dead_letters(
        self, *, swarm: SwarmId | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """See `ports.store.Registry.dead_letters`."""
        look = partial(letters.dead_letters, swarm_id=swarm, before=before, limit=limit)
        return await self._desk.reader.ask(look)

    async def told(self, swarm: SwarmId, *, after: int = 0) -> Sequence[Told]:
        """See `ports.store.Registry.told`."""
        return await self._desk.reader.ask(partial(reading.told, swarm_id=swarm, after=after))


class SqliteBlobs:
    """Content by hash."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def put(self, contents: Sequence[bytes]) -> Sequence[Digest]:
        """See `ports.store.Blobs.put`."""
        check_blobs(contents)
        digests = [blob_digest(content) for content in contents]
        rows = list(zip(digests, contents, strict=True))
        await self._desk.writer.ask(partial(holdings.keep, rows=rows))
        return digests

    async def get(self, digest: Digest) -> bytes:
        """See `ports.store.Blobs.get`."""
        return await self._desk.reader.ask(partial(reading.blob, digest=digest))


def _remark(changes: Changes, *, token: Token, remarks: Sequence[dict[str, Json]]) -> bool:
    line = changes.find_task(token.ref)
    if line is None or not is_current(changes.held(line), token):
        return False
    for remark in remarks:
        changes.tell(changes.sheet(line.swarm), Remark.PROGRESS, task=token.task, data=remark)
    return True
