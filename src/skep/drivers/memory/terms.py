"""The memory store's elections, and the fence of a leader's writes."""

from collections.abc import Sequence
from dataclasses import replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import Tables
from skep.policy import election
from skep.policy.bounds import check_campaign, check_duty_run, check_leader_lease
from skep.records.errors import StaleTerm
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate


def fence(changes: Changes, mandate: Mandate | None) -> None:
    """Refuse what is done under a mandate that is not the current one; raises `StaleTerm`.

    Without a mandate nothing is refused. To be called before anything is changed.
    """
    tables = changes.tables
    if mandate is None or election.may_act(
        tables.leadership, mandate, incarnation=tables.incarnation
    ):
        return
    raise StaleTerm(term=mandate.term, current=tables.leadership.term if tables.leadership else 0)


class MemoryTerms:
    """Elections, and what leaders have done."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """See `ports.terms.Terms.campaign`."""
        check_campaign(node, lease_s=lease_s, seen=seen)
        with self._desk.change() as changes:
            tables = changes.tables
            candidate = Mandate(incarnation=tables.incarnation, node=node, term=seen)
            stands = election.campaigned(
                tables.leadership, candidate, lease_s=lease_s, now=changes.at
            )
            tables.leadership = stands
            return _answer(changes, stands, mine=node)

    async def renew(self, mandate: Mandate, *, lease_s: float) -> Leadership:
        """See `ports.terms.Terms.renew`."""
        check_leader_lease(lease_s)
        with self._desk.change() as changes:
            stands = election.renewed(_current(changes, mandate), lease_s=lease_s, now=changes.at)
            changes.tables.leadership = stands
            return _answer(changes, stands, mine=mandate.node)

    async def resign(self, mandate: Mandate) -> bool:
        """See `ports.terms.Terms.resign`."""
        with self._desk.change() as changes:
            tables = changes.tables
            stands = tables.leadership
            if not election.may_act(stands, mandate, incarnation=tables.incarnation):
                return False
            assert stands is not None, "who may act was elected"
            tables.leadership = election.resigned(stands, now=changes.at)
            return True

    async def note(self, mandate: Mandate, run: DutyRun) -> None:
        """See `ports.terms.Terms.note`."""
        check_duty_run(run)
        with self._desk.change() as changes:
            fence(changes, mandate)
            kept = replace(run, node=mandate.node, term=mandate.term, at=changes.at)
            changes.tables.duties[run.duty] = kept

    async def read(self) -> Leadership | None:
        """See `ports.terms.Terms.read`."""
        with self._desk.change() as changes:
            stands = changes.tables.leadership
            return None if stands is None else _answer(changes, stands)

    async def duties(self) -> Sequence[DutyRun]:
        """See `ports.terms.Terms.duties`."""
        with self._desk.look() as tables:
            return every_duty(tables)


def every_duty(tables: Tables) -> Sequence[DutyRun]:
    """Show how each duty went last, by name."""
    return [run for _, run in sorted(tables.duties.items())]


def _current(changes: Changes, mandate: Mandate) -> Leadership:
    fence(changes, mandate)
    stands = changes.tables.leadership
    assert stands is not None, "the fence lets only the elected pass"
    return stands


def _answer(changes: Changes, stands: Leadership, *, mine: WorkerId | None = None) -> Leadership:
    incarnation = changes.tables.incarnation
    return election.answered(stands, incarnation=incarnation, now=changes.at, mine=mine)
