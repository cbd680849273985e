"""Suspending, reinstating and founding swarms in rows, each in one transaction.

A task is known to others by its number, and the order of the numbers is that of the plan. So a
swarm whose records are made anew is given new numbers as a whole, and what belonged to a record
that somebody removed, and cannot be told whose it was, is removed as well.
"""

from skep.drivers.sqlite.captures import count
from skep.drivers.sqlite.changes import Changes, Sheet
from skep.drivers.sqlite.holdings import check_kept, refer
from skep.drivers.sqlite.laying import lay
from skep.drivers.sqlite.purse import keep_purse
from skep.drivers.sqlite.steering import resume
from skep.drivers.sqlite.submitting import NEXT_NUMBER
from skep.policy.placement import skills_of
from skep.policy.recovery import SUSPENDED
from skep.records.codec import request_json
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, Conflict, SkepError
from skep.records.ids import SwarmId
from skep.records.image import Image
from skep.records.moves import moved
from skep.records.purse import UNTOUCHED
from skep.records.recovering import Founding, News, Reinstatement
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TaskMove, TaskStatus
from skep.records.values import Json, canonical


def suspend(changes: Changes, swarm: SwarmId) -> SwarmStatus:
    """Take a swarm from all who work on it; raises `SwarmNotFound` or `IllegalMove`."""
    sheet = changes.find_sheet(swarm)
    told: dict[str, Json] = {"reason": SUSPENDED}
    if sheet.status is not SwarmStatus.RECOVERING:
        changes.move_swarm(sheet, SwarmMove.RECOVER, told=told)
    for line in changes.lines("swarm = ? AND status = 'running' ORDER BY n", (sheet.n,)):
        changes.move(line, TaskMove.HAND_BACK, told=told, nonce="", reason=SUSPENDED)
    return sheet.status


def reinstate(changes: Changes, ask: Reinstatement) -> SwarmStatus:
    """Put a suspended swarm back to work; raises `SwarmNotFound`, `IllegalMove` or `Conflict`."""
    sheet = changes.find_sheet(ask.swarm)
    moved(SWARM_MOVES, sheet.status, SwarmMove.REINSTATE)
    if sheet.seq != ask.seq:
        raise Conflict("The swarm has gone on while it was rebuilt.", hint="Recover it again.")
    if ask.is_rewritten:
        lay(changes, sheet, ask.tasks, written=ask.written)
    _count(changes, sheet)
    if ask.purse != UNTOUCHED:
        keep_purse(changes.db, sheet.n, ask.purse)
    forgotten = [(command, ask.swarm) for command in ask.forgotten]
    changes.db.run_many("DELETE FROM command WHERE id = ? AND swarm = ?", forgotten)
    _tell(changes, sheet, ask.news)
    count(changes, "reinstated")
    resume(changes, sheet, reason=SUSPENDED)
    changes.end_if_over(sheet)
    return sheet.status


def found(changes: Changes, ask: Founding) -> Receipt | SkepError:
    """Make a swarm from an image, once."""
    known = changes.db.row("SELECT digest, swarm FROM command WHERE id = ?", (ask.command,))
    if known is not None:
        receipt = Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId(known[1]))
        return receipt if known[0] == ask.digest else CommandConflict()
    swarm = ask.image.swarm.id
    if changes.db.value("SELECT 1 FROM swarm WHERE id = ?", (swarm,)) is not None:
        return CommandConflict(f"Swarm {swarm} exists already.")
    try:
        check_kept(changes, ask.image.contents)
    except SkepError as refusal:
        return refusal
    sheet = _make(changes, ask.image)
    _tell(changes, sheet, ask.news)
    changes.end_if_over(sheet)
    changes.db.run("INSERT INTO command VALUES (?, ?, ?)", (ask.command, ask.digest, swarm))
    count(changes, "founded")
    return Receipt(verdict=ReceiptVerdict.OK, swarm=swarm)


def _make(changes: Changes, image: Image) -> Sheet:
    sheet = _begin(changes, image)
    refer(changes, sheet.n, image.contents)
    if image.swarm.purse != UNTOUCHED:
        keep_purse(changes.db, sheet.n, image.swarm.purse)
    changes.db.run_many(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
        [
            (sheet.n, each.seq, each.kind, each.at, each.task, canonical(dict(each.data)))
            for each in image.events
        ],
    )
    changes.db.run_many(
        "INSERT INTO told (swarm, number, at, by, task, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(sheet.n, each.number, each.at, each.by, each.task, each.text) for each in image.told],
    )
    lay(changes, sheet, image.tasks, written=frozenset(task.key for task in image.tasks))
    _count(changes, sheet)
    return sheet


def _begin(changes: Changes, image: Image) -> Sheet:
    seen = image.swarm
    sheet = Sheet(
        n=int(changes.db.value(NEXT_NUMBER)),
        id=seen.id,
        status=seen.status,
        sealed=seen.sealed,
        cap=seen.request.max_agents,
        seq=len(image.events),
        timeout_s=seen.request.timeout_s,
        deadline=seen.deadline,
        ended_at=seen.ended_at,
        reason=seen.reason,
        has_purse=seen.purse != UNTOUCHED,
        holds=False,
        counts=dict.fromkeys(TaskStatus, 0),
        seats={},
    )
    changes.db.run(
        "INSERT INTO swarm (n, id, request, status, sealed, priority, cap, created_at, timeout_s,"
        " told, skills) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sheet.n,
            sheet.id,
            canonical(request_json(seen.request)),
            sheet.status,
            sheet.sealed,
            seen.request.priority,
            sheet.cap,
            seen.created_at,
            sheet.timeout_s,
            len(image.told),
            skills_of(seen.request),
        ),
    )
    return changes.begin_sheet(sheet)


def _count(changes: Changes, sheet: Sheet) -> None:
    """Count the tasks anew, and make the seats anew."""
    sql = "SELECT status, count(*) FROM task WHERE swarm = ? GROUP BY status"
    counted = {TaskStatus(status): times for status, times in changes.db.rows(sql, (sheet.n,))}
    sheet.counts = {status: counted.get(status, 0) for status in TaskStatus}
    for seat in changes.seats(sheet).values():
        seat.ready, seat.is_dirty = 0, True
    if sheet.status not in ENDED:
        sql = "SELECT lane, count(*) FROM task WHERE swarm = ? AND status = 'ready' GROUP BY lane"
        for lane, ready in changes.db.rows(sql, (sheet.n,)):
            changes.seat(sheet, lane).ready = ready
    changes.reseat(sheet)


def _tell(changes: Changes, sheet: Sheet, news: tuple[News, ...]) -> None:
    for each in news:
        changes.tell(sheet, each.kind, task=each.task, data=each.data)
