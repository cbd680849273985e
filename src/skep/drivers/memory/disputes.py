"""The memory store's disputes."""

from collections.abc import Callable, Sequence

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import Tables
from skep.policy.conflict import check_dispute, ruled, voted
from skep.records.dispute import Ballot, Case, Dispute, Party
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import SwarmId
from skep.records.sharing_errors import DisputeNotFound


class MemoryDisputes:
    """Disputes between swarms, kept with their ballots and rulings."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, disputes: Sequence[Dispute]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.open`."""
        with self._desk.change() as changes:
            return [_open(changes, each) for each in disputes]

    async def cast(self, ballots: Sequence[Ballot]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.cast`."""
        with self._desk.change() as changes:
            return [
                _changed(changes.tables, each.dispute, lambda case, each=each: voted(case, each))
                for each in ballots
            ]

    async def settle(self, ids: Sequence[str]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.settle`."""
        with self._desk.change() as changes:
            at = changes.at
            return [_changed(changes.tables, each, lambda case: ruled(case, at=at)) for each in ids]

    async def read(self, ids: Sequence[str]) -> Sequence[Case]:
        """See `ports.disputes.Disputes.read`."""
        with self._desk.look() as tables:
            return [_find(tables, each) for each in ids]

    async def find(self, *, is_open: bool | None = None, limit: int = 50) -> Sequence[Case]:
        """See `ports.disputes.Disputes.find`."""
        with self._desk.look() as tables:
            known = reversed(tables.cases.values())
            return [each for each in known if is_open in (None, each.is_open)][:limit]


def _find(tables: Tables, id_: str) -> Case:
    if id_ not in tables.cases:
        raise DisputeNotFound(dispute=id_)
    return tables.cases[id_]


def _changed(tables: Tables, id_: str, change: Callable[[Case], Case]) -> Case | SkepError:
    try:
        tables.cases[id_] = change(_find(tables, id_))
    except SkepError as refusal:
        return refusal
    return tables.cases[id_]


def _open(changes: Changes, asked: Dispute) -> Case | SkepError:
    cases = changes.tables.cases
    try:
        check_dispute(asked)
        if asked.id not in cases:
            parties = tuple(_party(changes.tables, each) for each in asked.parties)
            cases[asked.id] = Case(dispute=asked, parties=parties, opened_at=changes.at)
    except SkepError as refusal:
        return refusal
    return cases[asked.id] if cases[asked.id].dispute == asked else CommandConflict()


def _party(tables: Tables, swarm: SwarmId) -> Party:
    row = tables.swarm(swarm)
    return Party(swarm=swarm, priority=row.request.priority, since=row.created_at)
