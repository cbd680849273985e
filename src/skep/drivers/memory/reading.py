"""The memory store's journal, log, registry and blobs."""

from collections.abc import Sequence

from skep.drivers.bell import rest_topic
from skep.drivers.memory.desk import Desk
from skep.policy.bounds import check_blobs, check_remarks
from skep.policy.endings import rests
from skep.policy.fencing import is_current
from skep.records.errors import ArtifactNotFound
from skep.records.event import Cursor, Page, Remark, is_news
from skep.records.ids import SwarmId, TaskRef
from skep.records.lease import Token
from skep.records.letter import DeadLetter, letter_of, read_cursor
from skep.records.limits import EVENTS_PAGE_MAX
from skep.records.outcome import Artifact
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Digest, Json, blob_digest


class MemoryLog:
    """Events."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def read(self, cursor: Cursor, *, limit: int = 256, patience_s: float = 0.0) -> Page:
        """See `ports.store.EventLog.read`."""

        async def look() -> Page:
            return self._page(cursor, min(limit, EVENTS_PAGE_MAX))

        return await self._desk.watch.until(
            is_news, look, topic=cursor.swarm, patience_s=patience_s
        )

    async def remark(self, token: Token, remarks: Sequence[dict[str, Json]]) -> bool:
        """See `ports.store.EventLog.remark`."""
        check_remarks(remarks)
        with self._desk.change() as changes:
            task = changes.tables.find(token.ref)
            if task is None or not is_current(changes.tables.held(task), token):
                return False
            swarm = changes.tables.swarms[token.swarm]
            for remark in remarks:
                changes.tell(swarm, Remark.PROGRESS, task=token.task, data=remark)
            return True

    def _page(self, cursor: Cursor, limit: int) -> Page:
        with self._desk.look() as tables:
            swarm = tables.swarm(cursor.swarm)
            is_other = cursor.incarnation not in ("", tables.incarnation)
            start = 0 if is_other else cursor.seq
            events = () if is_other else tuple(swarm.events[start : start + limit])
            last = events[-1].seq if events else start
            here = Cursor(incarnation=tables.incarnation, swarm=swarm.id, seq=last)
            return Page(events=events, cursor=here, gap=is_other)


class MemoryRegistry:
    """Reading swarms and tasks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def swarm(self, swarm: SwarmId) -> Swarm:
        """See `ports.store.Registry.swarm`."""
        with self._desk.look() as tables:
            return tables.swarm(swarm).seen()

    async def rest(self, swarm: SwarmId, *, patience_s: float = 0.0) -> Swarm:
        """See `ports.store.Registry.rest`."""

        async def look() -> Swarm:
            return await self.swarm(swarm)

        return await self._desk.watch.until(
            rests, look, topic=rest_topic(swarm), patience_s=patience_s
        )

    async def swarms(
        self, *, status: SwarmStatus | None = None, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """See `ports.store.Registry.swarms`."""
        with self._desk.look() as tables:
            youngest_first = sorted(tables.swarms.values(), key=lambda row: row.id, reverse=True)
            found = [
                row.seen()
                for row in youngest_first
                if (status is None or row.status is status) and (before is None or row.id < before)
            ]
            return found[:limit]

    async def tasks(self, swarm: SwarmId) -> Sequence[Task]:
        """See `ports.store.Registry.tasks`."""
        with self._desk.look() as tables:
            return [row.seen() for row in tables.swarm(swarm).tasks.values()]

    async def read(self, refs: Sequence[TaskRef]) -> Sequence[Task]:
        """See `ports.store.Registry.read`."""
        with self._desk.look() as tables:
            return [tables.task(ref).seen() for ref in refs]

    async def artifacts(self, swarm: SwarmId) -> Sequence[tuple[TaskRef, Artifact]]:
        """See `ports.store.Registry.artifacts`."""
        with self._desk.look() as tables:
            return [
                (row.ref, artifact)
                for row in tables.swarm(swarm).tasks.values()
                for artifact in sorted(row.artifacts, key=lambda artifact: artifact.name)
            ]

    async def dead_letters(
        self, *, swarm: SwarmId | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """See `ports.store.Registry.dead_letters`."""
        upto = (float("inf"), "") if before is None else read_cursor(before)
        with self._desk.look() as tables:
            swarms = [tables.swarm(swarm)] if swarm is not None else [*tables.swarms.values()]
            letters = [
                letter_of(row.seen())
                for each in swarms
                for row in each.tasks.values()
                if row.status is TaskStatus.FAILED
            ]
        letters.sort(key=lambda letter: (letter.failed_at, letter.place), reverse=True)
        return [each for each in letters if (each.failed_at, each.place) < upto][:limit]

    async def told(self, swarm: SwarmId, *, after: int = 0) -> Sequence[Told]:
        """See `ports.store.Registry.told`."""
        with self._desk.look() as tables:
            return tables.swarm(swarm).told[after:]


class MemoryBlobs:
    """Content by hash."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def put(self, contents: Sequence[bytes]) -> Sequence[Digest]:
        """See `ports.store.Blobs.put`."""
        check_blobs(contents)
        digests = [blob_digest(content) for content in contents]
        with self._desk.change() as changes:
            changes.tables.blobs.update(zip(digests, contents, strict=True))
            changes.tables.puts.update(dict.fromkeys(digests, changes.at))
        return digests

    async def get(self, digest: Digest) -> bytes:
        """See `ports.store.Blobs.get`."""
        with self._desk.look() as tables:
            try:
                return tables.blobs[digest]
            except KeyError:
                raise ArtifactNotFound(f"There is no content {digest[:12]}….") from None
