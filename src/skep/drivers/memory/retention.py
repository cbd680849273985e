"""The memory store's retention, and who refers to which content."""

from collections.abc import Iterable, Sequence

from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import SwarmRow, Tables
from skep.policy.retention import is_due
from skep.ports.inspection import Content
from skep.records.directory import Tally
from skep.records.errors import ArtifactNotFound, SkepError, SwarmKept
from skep.records.ids import SwarmId
from skep.records.retention import Dropped
from skep.records.swarm import Swarm
from skep.records.values import Digest


class MemoryRetention:
    """Forgetting what has ended; nothing of it needs a second call here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def due(self, before: float, *, limit: int = 50) -> Sequence[Swarm]:
        """See `ports.retention.Retention.due`."""
        with self._desk.look() as tables:
            seen = [row.seen() for row in tables.swarms.values()]
            due = [swarm for swarm in seen if is_due(swarm.status, swarm.ended_at, before=before)]
            return sorted(due, key=lambda swarm: (swarm.ended_at or 0.0, swarm.id))[:limit]

    async def forget(
        self, swarms: Sequence[SwarmId], *, before: float
    ) -> Sequence[bool | SkepError]:
        """See `ports.retention.Retention.forget`."""
        with self._desk.change() as changes:
            changes.topics.update(swarms)
            return [_forget(changes.tables, swarm, before) for swarm in swarms]

    async def clear(self, *, limit: int = 256) -> int:
        """See `ports.retention.Retention.clear`: nothing is ever left."""
        del limit
        return 0

    async def drop_blobs(self, before: float, *, limit: int = 64) -> Dropped:
        """See `ports.retention.Retention.drop_blobs`."""
        with self._desk.change() as changes:
            tables = changes.tables
            used = set[Digest]().union(*(users_of(tables, swarm) for swarm in tables.swarms))
            loose = [(at, digest) for digest, at in tables.puts.items() if digest not in used]
            gone = [digest for at, digest in sorted(loose) if at < before][:limit]
            for digest in gone:
                del tables.puts[digest]
            size = sum(len(tables.blobs.pop(digest)) for digest in gone)
            return Dropped(blobs=len(gone), size_bytes=size)

    async def give_back(self, *, limit: int = 256) -> int:
        """See `ports.retention.Retention.give_back`: there is no file."""
        del limit
        return 0


def missing(tables: Tables, digests: Iterable[Digest]) -> list[Digest]:
    """Name the contents among these that are not kept."""
    return sorted(digest for digest in digests if digest not in tables.blobs)


def check_kept(tables: Tables, digests: Iterable[Digest]) -> None:
    """Refuse references to contents that are not kept; raises `ArtifactNotFound`."""
    for digest in missing(tables, digests):
        raise ArtifactNotFound(f"There is no content {digest[:12]}….", hint="Put it once more.")


def refer(tables: Tables, swarm: SwarmId, digests: Iterable[Digest]) -> None:
    """Write down that a swarm refers to contents, from now until it is forgotten."""
    digests = set(digests)
    if digests:
        tables.uses.setdefault(swarm, set()).update(digests)


def users_of(tables: Tables, swarm: SwarmId) -> set[Digest]:
    """Name the contents that a swarm refers to, and those that its captures are made of."""
    parts = [part for held in tables.captures.get(swarm, {}).values() for part in held.parts]
    return tables.uses.get(swarm, set()) | {part.digest for part in parts if not part.inline}


def contents(tables: Tables) -> list[Content]:
    """Show every content with its users."""
    used = {swarm: users_of(tables, swarm) for swarm in tables.swarms}
    return [
        Content(
            digest=digest,
            put_at=at,
            users=sorted(swarm for swarm, uses in used.items() if digest in uses),
        )
        for digest, at in sorted(tables.puts.items())
    ]


def _forget(tables: Tables, swarm: SwarmId, before: float) -> bool | SkepError:
    row = tables.swarms.get(swarm)
    if row is None:
        return False
    if not is_due(row.status, row.ended_at, before=before):
        return SwarmKept(swarm=swarm, status=row.status)
    forget(tables, row)
    return True


def forget(tables: Tables, row: SwarmRow) -> None:
    """Remove all that belongs to a swarm: whoever gives swarms another table empties it here."""
    del tables.swarms[row.id]
    tables.uses.pop(row.id, None)
    tables.mail.pop(row.id, None)
    tables.hostings.pop(row.id, None)
    tables.captures.pop(row.id, None)
    tables.departed.pop(row.id, None)
    tables.tallies[Tally.FORGOTTEN] += 1
    for line in [line for line in tables.journal if line[0] == row.id]:
        del tables.journal[line]
    for ref in [ref for ref in tables.drains if ref.swarm == row.id]:
        del tables.drains[ref]
    for asked in [each.id for each in tables.approvals.values() if each.ref.swarm == row.id]:
        del tables.approvals[asked]
    for command in [key for key, (_, made) in tables.commands.items() if made.swarm == row.id]:
        del tables.commands[command]
        tables.choices.pop(command, None)
