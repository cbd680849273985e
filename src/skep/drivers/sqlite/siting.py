"""Placing in rows: the first few open swarms of each crew are read, then one is chosen.

The indices of open swarms are partial, so a swarm that is sealed costs them nothing; their
condition stands here in the words of the migration, for SQLite compares the words.
"""

from collections.abc import Iterator, Sequence
from typing import Final, cast

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Column, Db
from skep.drivers.sqlite.submitting import add_tasks
from skep.policy.placement import LOOKED_MAX, check_distribution, choose, skill_set
from skep.records.command import Addition, ReceiptVerdict
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import SwarmId, TaskRef
from skep.records.placement import (
    Candidate,
    Choice,
    Distribution,
    Placed,
    Placement,
    choice_from,
    choice_json,
)
from skep.records.task import TaskStatus
from skep.records.values import canonical, parsed

OPEN: Final = f"status = 'active' AND sealed = 0 AND {' + '.join(TaskStatus)} < 10000"
LOAD: Final = "1.0 * (ready + running) / cap"
SEEN: Final = "id, priority, ready + running, cap, skills"
NEXT_CREW: Final = (
    f"SELECT priority, skills FROM swarm WHERE {OPEN} AND (priority, skills) > (?, ?)"
    " ORDER BY priority, skills LIMIT 1"
)
OF_A_CREW: Final = (
    f"SELECT {SEEN} FROM swarm WHERE {OPEN} AND priority = ? AND skills = ?"
    f" ORDER BY {LOAD} {{order}}, id {{order}} LIMIT ?"
)
AFTER: Final = f"SELECT {SEEN} FROM swarm WHERE {OPEN} AND id > ? ORDER BY id LIMIT ?"
LAST: Final = "SELECT value FROM meta WHERE name = 'last_placed'"
TOLD: Final = "SELECT told FROM placed WHERE command = ?"


def open_swarms(db: Db) -> list[Candidate]:
    """Read every open swarm, by id."""
    return [_candidate(row) for row in db.rows(AFTER, ("", -1))]


def choices(db: Db) -> list[tuple[str, Choice]]:
    """Read what was chosen for each distribution that is remembered, by its command."""
    rows = db.rows("SELECT command, told FROM placed ORDER BY command")
    return [(str(command), choice_from(parsed(told))) for command, told in rows]


def distribute(changes: Changes, asked: Distribution) -> Placed | SkepError:
    """Add a task to the swarm that comes first, once."""
    digest = changes.db.value("SELECT digest FROM command WHERE id = ?", (asked.command,))
    if digest is not None:
        return _again(changes.db, asked, digest=digest)
    try:
        check_distribution(asked)
        last = cast("SwarmId | None", changes.db.value(LAST))
        choice = choose(asked, _candidates(changes.db, asked.placement, last), last=last)
        return _place(changes, asked, choice)
    except SkepError as refusal:
        return refusal


def _place(changes: Changes, asked: Distribution, choice: Choice) -> Placed:
    told, swarm = choice_json(choice), choice.swarm
    addition = Addition(
        command=asked.command, digest=asked.digest, swarm=swarm, tasks=(asked.task,)
    )
    add_tasks(changes, addition, placed=told)
    row = (asked.command, swarm, asked.task.key, canonical(told))
    changes.db.run("INSERT INTO placed VALUES (?, ?, ?, ?)", row)
    command = (asked.command, asked.digest, swarm)
    changes.db.run("INSERT INTO command VALUES (?, ?, ?)", command)
    if choice.placement is Placement.ROUND_ROBIN:
        sql = "INSERT OR REPLACE INTO meta VALUES ('last_placed', ?)"
        changes.db.run(sql, (choice.swarm,))
    changes.flush()  # the next task of this call is to see this one
    ref = TaskRef(swarm=swarm, key=asked.task.key)
    return Placed(verdict=ReceiptVerdict.OK, ref=ref, choice=choice)


def _again(db: Db, asked: Distribution, *, digest: str) -> Placed | SkepError:
    told = db.value(TOLD, (asked.command,))
    if digest != asked.digest or told is None:
        return CommandConflict()
    choice = choice_from(parsed(told))
    ref = TaskRef(swarm=choice.swarm, key=asked.task.key)
    return Placed(verdict=ReceiptVerdict.ALREADY, ref=ref, choice=choice)


def _candidates(db: Db, placement: Placement, last: SwarmId | None) -> list[Candidate]:
    """Read those who may come first."""
    if placement is not Placement.ROUND_ROBIN:
        return of_crews(db, limit=LOOKED_MAX)
    rows = [*db.rows(AFTER, (last or "", LOOKED_MAX)), *db.rows(AFTER, ("", LOOKED_MAX))]
    return [_candidate(row) for row in dict.fromkeys(rows)]


def of_crews(db: Db, *, limit: int, heaviest: bool = False) -> list[Candidate]:
    """Read the first few open swarms of each crew, by load, or the last few."""
    sql = OF_A_CREW.format(order="DESC" if heaviest else "ASC")
    return [_candidate(row) for crew in _crews(db) for row in db.rows(sql, (*crew, limit))]


def _crews(db: Db) -> Iterator[tuple[int, str]]:
    """Walk from one crew to the next: a step costs the log of the number of open swarms."""
    crew = db.row(NEXT_CREW, (-1, ""))
    while crew is not None:
        priority, skills = crew
        yield priority, skills
        crew = db.row(NEXT_CREW, crew)


def _candidate(row: Sequence[Column]) -> Candidate:
    swarm, priority, busy, slots, skills = cast("tuple[str, int, int, int, str]", row)
    return Candidate(
        swarm=SwarmId(swarm),
        priority=priority,
        busy=busy,
        slots=slots,
        skills=skill_set(skills),
    )
