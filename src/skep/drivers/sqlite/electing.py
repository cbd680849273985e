"""The last election in its one row, and the fence of a leader's writes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import apsw

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db
from skep.policy import election
from skep.records.errors import StaleTerm
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate

Answer = TypeVar("Answer")

LEADERSHIP: Final = (
    "SELECT incarnation, node, term, since, expires_at, lease_s, is_resigned FROM leadership"
)
DUTIES: Final = "SELECT name, node, term, result, is_failure, at FROM duty ORDER BY name"
RAISE_TERM: Final = (
    "INSERT INTO leadership VALUES (1, '', '', ?, 0, 0, 1, 1)"
    " ON CONFLICT (one) DO UPDATE SET term = max(term, excluded.term)"
)


def fence(changes: Changes, mandate: Mandate | None) -> None:
    """Refuse what is done under a mandate that is not the current one; raises `StaleTerm`.

    Without a mandate nothing is refused.
    """
    if mandate is None:
        return
    stands = read(changes.db)
    if not election.may_act(stands, mandate, incarnation=changes.incarnation):
        raise StaleTerm(term=mandate.term, current=stands.term if stands else 0)


def fenced(
    command: Callable[[Changes], Answer], mandate: Mandate | None
) -> Callable[[Changes], Answer]:
    """Have a command done only under a current mandate, in the transaction that checks it."""

    def run(changes: Changes) -> Answer:
        fence(changes, mandate)
        return command(changes)

    return run


def campaign(changes: Changes, node: WorkerId, *, lease_s: float, seen: int) -> Leadership:
    """Elect a node if nobody else leads."""
    before = read(changes.db)
    candidate = Mandate(incarnation=changes.incarnation, node=node, term=seen)
    stands = election.campaigned(before, candidate, lease_s=lease_s, now=changes.at)
    if stands is not before:
        _keep(changes, stands)
    return _answered(changes, stands, mine=node)


def renew(changes: Changes, mandate: Mandate, *, lease_s: float) -> Leadership:
    """Let a leader's lease end later."""
    before = _current(changes, mandate)
    stands = election.renewed(before, lease_s=lease_s, now=changes.at)
    _keep(changes, stands)
    return _answered(changes, stands, mine=mandate.node)


def resign(changes: Changes, mandate: Mandate) -> bool:
    """Leave a leadership; False when it was not held."""
    stands = read(changes.db)
    if not election.may_act(stands, mandate, incarnation=changes.incarnation):
        return False
    assert stands is not None, "who may act was elected"
    _keep(changes, election.resigned(stands, now=changes.at))
    return True


def note(changes: Changes, mandate: Mandate, run: DutyRun) -> None:
    """Keep how a duty went."""
    fence(changes, mandate)
    changes.db.run(
        "INSERT OR REPLACE INTO duty VALUES (?, ?, ?, ?, ?, ?)",
        (run.duty, mandate.node, mandate.term, run.result, int(run.is_failure), changes.at),
    )


def read(db: Db) -> Leadership | None:
    """Read the last election as it was written."""
    row = db.row(LEADERSHIP)
    if row is None:
        return None
    incarnation, node, term, since, expires_at, lease_s, is_resigned = row
    return Leadership(
        incarnation=incarnation,
        node=WorkerId(node),
        term=term,
        since=since,
        expires_at=expires_at,
        lease_s=lease_s,
        is_resigned=bool(is_resigned),
    )


def duties(db: Db) -> Sequence[DutyRun]:
    """Read how each duty went last, by name."""
    return [
        DutyRun(
            duty=name,
            node=WorkerId(node),
            term=term,
            result=result,
            is_failure=bool(is_failure),
            at=at,
        )
        for name, node, term, result, is_failure, at in db.rows(DUTIES)
    ]


def carry_term(old: Db, new: Db) -> None:
    """Let a store that takes another one's place begin after the terms of that one."""
    with suppress(apsw.Error):  # it is replaced because it is broken, or is older than terms
        stood = read(old)
        if stood is not None:
            new.run(RAISE_TERM, (stood.term,))


def _current(changes: Changes, mandate: Mandate) -> Leadership:
    fence(changes, mandate)
    stands = read(changes.db)
    assert stands is not None, "the fence lets only the elected pass"
    return stands


def _keep(changes: Changes, stands: Leadership) -> None:
    row = (stands.incarnation, stands.node, stands.term, stands.since, stands.expires_at)
    changes.db.run(
        "INSERT OR REPLACE INTO leadership VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        (*row, stands.lease_s, int(stands.is_resigned)),
    )


def _answered(changes: Changes, stands: Leadership, *, mine: WorkerId) -> Leadership:
    return election.answered(stands, incarnation=changes.incarnation, now=changes.at, mine=mine)
