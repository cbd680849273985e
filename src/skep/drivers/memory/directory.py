"""The memory store's directory."""

from collections import Counter
from collections.abc import Mapping, Sequence

from skep.drivers.memory.desk import Desk
from skep.drivers.memory.retention import forget
from skep.drivers.memory.state import Tables
from skep.records.directory import (
    EVERY_SWARM,
    Archived,
    Departed,
    Statistics,
    SwarmFilter,
    Tally,
    is_meant,
)
from skep.records.errors import SkepError, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.swarm import ENDED, Swarm


class MemoryDirectory:
    """Swarms by what they are, figures, and the archive."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def find(
        self, meant: SwarmFilter = EVERY_SWARM, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """See `ports.directory.Directory.find`."""
        with self._desk.look() as tables:
            seen = [
                tables.swarms[swarm].seen()
                for swarm in sorted(tables.swarms, reverse=True)
                if before is None or swarm < before
            ]
            return [swarm for swarm in seen if is_meant(swarm, meant)][:limit]

    async def statistics(self) -> Statistics:
        """See `ports.directory.Directory.statistics`."""
        with self._desk.look() as tables:
            statuses = Counter(row.status for row in tables.swarms.values())
            tallies = tables.tallies
            return Statistics(
                registered=len(tables.swarms) + tallies[Tally.FORGOTTEN],
                live=sum(count for status, count in statuses.items() if status not in ENDED),
                by_status=dict(statuses),
                archived=len(tables.archive),
                recoveries=tallies[Tally.RECOVERIES],
                tasks_distributed=tallies[Tally.TASKS_DISTRIBUTED],
                messages_sent=tables.mailed,
                state_errors=tallies[Tally.STATE_ERRORS],
            )

    async def tally(self, counted: Mapping[Tally, int]) -> None:
        """See `ports.directory.Directory.tally`."""
        with self._desk.change() as changes:
            changes.tables.tallies.update(counted)

    async def deregister(
        self, swarms: Sequence[SwarmId], outcome: str
    ) -> Sequence[bool | SkepError]:
        """See `ports.directory.Directory.deregister`."""
        with self._desk.change() as changes:
            return [_deregister(changes.tables, swarm, outcome) for swarm in swarms]

    async def departed(self, before: float, *, limit: int = 50) -> Sequence[Departed]:
        """See `ports.directory.Directory.departed`."""
        with self._desk.look() as tables:
            seen = [
                Departed(swarm=tables.swarms[swarm].seen(), outcome=outcome)
                for swarm, outcome in sorted(tables.departed.items())
            ]
            return [each for each in seen if _has_ended(each.swarm, before)][:limit]

    async def archive(self, records: Sequence[Archived], *, keep_s: float) -> Sequence[bool]:
        """See `ports.directory.Directory.archive`."""
        del keep_s
        with self._desk.change() as changes:
            changes.topics.update(record.id for record in records)
            return [_archive(changes.tables, record, at=changes.at) for record in records]

    async def archived(
        self, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Archived]:
        """See `ports.directory.Directory.archived`."""
        with self._desk.look() as tables:
            ids = sorted(tables.archive, reverse=True)
            older = [swarm for swarm in ids if before is None or swarm < before]
            return [tables.archive[swarm][1] for swarm in older[:limit]]

    async def expire(self, before: float, *, limit: int = 256) -> int:
        """See `ports.directory.Directory.expire`."""
        with self._desk.change() as changes:
            archive = changes.tables.archive
            over = sorted((at, swarm) for swarm, (at, _) in archive.items() if at < before)
            for _, swarm in over[:limit]:
                del archive[swarm]
            return len(over[:limit])


def _deregister(tables: Tables, swarm: SwarmId, outcome: str) -> bool | SkepError:
    if swarm not in tables.swarms:
        return SwarmNotFound(swarm=swarm)
    is_new = swarm not in tables.departed
    tables.departed.setdefault(swarm, outcome)
    return is_new


def _has_ended(swarm: Swarm, before: float) -> bool:
    is_over = swarm.status in ENDED and swarm.ended_at is not None
    return is_over and (swarm.ended_at or 0.0) < before


def _archive(tables: Tables, record: Archived, *, at: float) -> bool:
    row = tables.swarms.get(record.id)
    if row is None or row.id not in tables.departed or len(row.events) != record.seq:
        return False
    if row.status not in ENDED:
        return False
    forget(tables, row)
    tables.archive[record.id] = (at, record)
    return True
