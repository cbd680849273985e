"""What people tell swarms, in rows."""

from skep.drivers.sqlite.changes import Changes, Sheet
from skep.policy.telling import closed, told_data, told_of
from skep.records.command import Order
from skep.records.errors import TaskNotFound
from skep.records.swarm import ENDED


def tell(changes: Changes, sheet: Sheet, order: Order) -> None:
    """Keep a message, and tell the log; raises what `Work.steer` answers."""
    if sheet.status in ENDED:
        raise closed(sheet.id, sheet.status)
    for key in order.tasks:
        sql = "SELECT 1 FROM task WHERE swarm = ? AND key = ?"
        if changes.db.value(sql, (sheet.n, key)) is None:
            raise TaskNotFound(swarm=sheet.id, task=key)
    held = int(changes.db.value("SELECT told FROM swarm WHERE n = ?", (sheet.n,)))
    told = told_of(order, held=held, at=changes.at)
    changes.db.run(
        "INSERT INTO told (swarm, number, at, by, task, text) VALUES (?, ?, ?, ?, ?, ?)",
        (sheet.n, told.number, told.at, told.by, told.task, told.text),
    )
    changes.db.run("UPDATE swarm SET told = ? WHERE n = ?", (told.number, sheet.n))
    changes.move_swarm(sheet, order.move, told=told_data(told))
