"""Purses in rows: what calls have reserved, and what becomes of it when nobody settles them."""

from skep.drivers.sqlite.db import Db
from skep.drivers.sqlite.lines import STEP_SEEN, step_of
from skep.policy.purse import lose, lost_told
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.purse import Purse, amount_text, purse_from, purse_text
from skep.records.step import Step
from skep.records.values import Json

UNDER_WAY = f"SELECT run, {STEP_SEEN} FROM step WHERE task = ? AND reserved IS NOT NULL ORDER BY n"


def purse_of(db: Db, swarm: int) -> Purse:
    """Read the purse of a swarm, by its number."""
    return purse_from(db.value("SELECT held FROM purse WHERE swarm = ?", (swarm,)))


def keep_purse(db: Db, swarm: int, purse: Purse) -> None:
    """Write the purse of a swarm."""
    db.run("INSERT OR REPLACE INTO purse VALUES (?, ?)", (swarm, purse_text(purse)))


def keep_money(db: Db, task: int, step: Step) -> None:
    """Write what a step has reserved and was charged."""
    db.run(
        "UPDATE step SET reserved = ?, spent = ?, payee = ? WHERE task = ? AND run = ? AND key = ?",
        (
            amount_text(step.reserved),
            amount_text(step.spent),
            step.payee,
            task,
            step.run,
            step.key,
        ),
    )


def lose_calls(db: Db, swarm: int, task: int) -> dict[str, Json] | None:
    """Count as spent what the calls of a task had reserved; gives what its event tells.

    None, and nothing, when none was under way.
    """
    rows = db.rows(UNDER_WAY, (task,))
    if not rows:
        return None
    nobody = TaskRef(swarm=SwarmId(""), key=TaskKey(""))
    held, purse = [step_of(nobody, row[0], row[1:]) for row in rows], purse_of(db, swarm)
    for step in held:
        purse, charged = lose(purse, step)
        keep_money(db, task, charged)
    keep_purse(db, swarm, purse)
    return lost_told(held)
