"""The changes of state in rows: each moves one status by its table and tells the log.

A `Sheet` holds what is known of one swarm while a command runs, so that a command writes each
swarm, each of its seats and its events once, however many tasks it moves. Task rows are written
at once. `flush` writes the sheets and outcomes; the writer calls it before it commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from skep.drivers.bell import rest_topic
from skep.drivers.sqlite.db import Column, Db
from skep.drivers.sqlite.lines import TASK_COLUMNS, RunLine, TaskLine, task_line
from skep.drivers.sqlite.pooling import OF_A_SWARM, OF_A_TASK, Told, give_back
from skep.drivers.sqlite.purse import lose_calls
from skep.policy.endings import ending, is_at_rest, is_over, takes_grants
from skep.policy.fairness import entry_vt
from skep.policy.placement import MOVED
from skep.policy.pools import ATTEMPT_OVER, POOL_TOPIC, SWARM_ENDED
from skep.records.errors import SwarmNotFound
from skep.records.event import Remark
from skep.records.ids import SwarmId, TaskRef
from skep.records.lease import Held
from skep.records.limits import SETTLE_EDGES_MAX
from skep.records.moves import moved
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TASK_MOVES, TERMINAL, TaskMove, TaskStatus
from skep.records.values import Json, canonical

Data = Mapping[str, Json] | str
"""What an event carries: a JSON object, or the text of one that was written already."""

WORK_TOPIC = "work"
STATUSES = tuple(TaskStatus)
READ_SWARM = (
    "SELECT id, status, sealed, cap, seq, timeout_s, deadline, ended_at, reason,"
    " EXISTS (SELECT 1 FROM purse WHERE purse.swarm = swarm.n),"
    f" EXISTS (SELECT 1 FROM allocation a WHERE a.swarm = swarm.n), {', '.join(STATUSES)}"
    " FROM swarm WHERE n = ?"
)
WRITE_SWARM = (
    "UPDATE swarm SET status = ?, sealed = ?, cap = ?, deadline = ?, ended_at = ?, reason = ?,"
    f" {', '.join(f'{status} = ?' for status in STATUSES)}, seq = ? WHERE n = ?"
)


WRITE_SEQ = "UPDATE swarm SET seq = ? WHERE n = ?"
"""For a swarm that was only told of: no index has to be looked at."""


@dataclass(slots=True)
class SeatLine:
    """A swarm's seat in one lane."""

    vt: int = 0
    ready: int = 0
    eligible: bool = False
    is_dirty: bool = True


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One swarm while a command runs; its seats are read when `Changes.seats` is asked for them.

    `may_run` says whether its tasks might be given out when the seats were put where they are;
    without a purse none of its calls has reserved anything; without `holds` neither it nor a task
    of it has a part of a pool. `stored` is how its row stood, without the number of its last event.
    """

    n: int
    id: SwarmId
    status: SwarmStatus
    sealed: bool
    cap: int
    seq: int
    timeout_s: float | None
    deadline: float | None
    ended_at: float | None
    reason: str
    has_purse: bool
    holds: bool
    counts: dict[TaskStatus, int]
    may_run: bool = False
    stored: tuple[Column, ...] = ()
    seats: dict[str, SeatLine] | None = None
    events: list[tuple[int, int, str, float, str | None, str]] = field(
        default_factory=list[tuple[int, int, str, float, str | None, str]]
    )

    @property
    def room(self) -> int:
        """How many more of its tasks may run now."""
        return self.cap - self.counts[TaskStatus.RUNNING]


class Changes:
    """One command's changes, all made at the same time `at`.

    `outcomes` are what tasks came to, by number; `flush` writes them.
    """

    def __init__(self, db: Db, *, at: float, incarnation: str) -> None:
        self.db = db
        self.at = at
        self.incarnation = incarnation
        self.topics: set[str] = set()
        self.outcomes: list[tuple[int, str]] = []
        self._sheets: dict[int, Sheet] = {}

    def find_sheet(self, swarm: SwarmId) -> Sheet:
        """Read a swarm by its id; raises `SwarmNotFound`."""
        n = self.db.value("SELECT n FROM swarm WHERE id = ?", (swarm,))
        if n is None:
            raise SwarmNotFound(swarm=swarm)
        return self.sheet(n)

    def sheet(self, n: int) -> Sheet:
        """Read a swarm by its number, once per command."""
        if n not in self._sheets:
            self._sheets[n] = self._read_sheet(n)
        return self._sheets[n]

    def begin_sheet(self, sheet: Sheet) -> Sheet:
        """Take the sheet of a swarm that was just written, which need not be read."""
        self._sheets[sheet.n] = sheet
        return sheet

    def find_task(self, ref: TaskRef) -> TaskLine | None:
        """Read a task, or None."""
        sql = (
            f"SELECT {TASK_COLUMNS}, s.told FROM task t JOIN swarm s ON s.n = t.swarm"
            " WHERE s.id = ? AND t.key = ?"
        )
        row = self.db.row(sql, (ref.swarm, ref.key))
        return task_line(row) if row else None

    def lines(self, where: str, bindings: tuple[Column, ...]) -> list[TaskLine]:
        """Read tasks by a condition on `t`, which may end with an order and a limit."""
        sql = f"SELECT {TASK_COLUMNS} FROM task t WHERE {where}"
        return [task_line(row) for row in self.db.rows(sql, bindings)]

    def held(self, line: TaskLine | RunLine) -> Held:
        """What the fence compares a token with."""
        return Held(
            incarnation=self.incarnation,
            run=line.run,
            attempt=line.attempt,
            nonce=line.nonce,
            spent=line.spent,
            status=line.status,
        )

    def tell(self, sheet: Sheet, kind: str, *, task: str | None, data: Data) -> None:
        """Append one event."""
        sheet.seq += 1
        text = data if isinstance(data, str) else canonical(dict(data))
        sheet.events.append((sheet.n, sheet.seq, kind, self.at, task, text))
        self.topics.add(sheet.id)

    def move(self, line: TaskLine, move: TaskMove, *, told: Data, **columns: Column) -> None:
        """Move a task's status, with counts, seat and event, and set other columns beside it."""
        sheet = self.sheet(line.swarm)
        if line.status is TaskStatus.RUNNING and sheet.has_purse:
            self._lose_calls(sheet, line)
        if line.status is TaskStatus.RUNNING and sheet.holds:
            self.give_back(OF_A_TASK, (sheet.n, line.key), reason=ATTEMPT_OVER)
        before = self._shift(sheet, line, move)
        columns["status"] = line.status
        if before is TaskStatus.RUNNING:
            columns |= {"worker": None, "lease_until": None, "hard_until": None}
        if line.status in TERMINAL or before in TERMINAL:
            columns["ended_at"] = self.at if line.status in TERMINAL else None
        self.set(line, **columns)
        self.tell(sheet, move, task=line.key, data=told)

    def set(self, line: TaskLine, **columns: Column) -> None:
        """Write columns of a task's row."""
        self.db.run(_update(*columns), (*columns.values(), line.n))

    def move_swarm(self, sheet: Sheet, move: SwarmMove, *, told: Mapping[str, Json]) -> None:
        """Move a swarm's status, with its seats and event."""
        sheet.status = moved(SWARM_MOVES, sheet.status, move)
        sheet.ended_at = self.at if sheet.status in ENDED else None
        if sheet.status in ENDED:
            if sheet.holds:
                self.give_back(OF_A_SWARM, (sheet.n,), reason=SWARM_ENDED)
            self._leave(sheet)
        self.reseat(sheet)
        self.tell(sheet, move, task=None, data=told)

    def release(self, line: TaskLine, **columns: Column) -> None:
        """Let a waiting task whose dependencies are met become ready, now or after its delay."""
        if line.delay_s > 0:
            wake_at = self.at + line.delay_s
            told: dict[str, Json] = {"wake_at": wake_at}
            self.move(line, TaskMove.POSTPONE, told=told, wake_at=wake_at, **columns)
        else:
            self.move(line, TaskMove.RELEASE, told="{}", **columns)

    def release_new(self, line: TaskLine) -> None:
        """Let a task of a new plan become ready that waits for nothing, if its row says so.

        Its row was written under `status_of_new`, so there is nothing left to write.
        """
        if status_of_new(line) is TaskStatus.READY:
            sheet = self.sheet(line.swarm)
            self._shift(sheet, line, TaskMove.RELEASE)
            self.tell(sheet, TaskMove.RELEASE, task=line.key, data="{}")
        elif line.unmet == 0:
            self.release(line)

    def consume_edges(self, line: TaskLine, *, budget: int = SETTLE_EDGES_MAX) -> int:
        """Meet up to `budget` edges out of ended tasks, beginning with `line`; returns how many.

        A dependent becomes ready, or is cancelled when it needed the task to succeed; then its
        own edges are met too. What the budget leaves over is put down for the sweeper.
        """
        left, ended = budget, [line]
        while ended:
            up = ended.pop(0)
            room = max(left, 0)
            met = self._consume(up, room, ended)
            left -= met
            self._keep_drain(up, may_be_left=met == room)
        return budget - left

    def cancel_for(self, down: TaskLine, up: TaskLine, **columns: Column) -> None:
        """Cancel a task because one that it waits for did not succeed."""
        did = "failed" if up.status is TaskStatus.FAILED else f"was {up.status}"
        reason = f"task {up.key}, which it waits for, {did}"
        self.move(down, TaskMove.CANCEL, told={"reason": reason}, reason=reason, **columns)

    def settle_waiting(self, line: TaskLine) -> None:
        """Release or cancel a task by what its dependencies have come to, if it waits still."""
        line = self.lines("n = ?", (line.n,))[0]  # cancelling one may have moved the next
        if line.status is not TaskStatus.WAITING:
            return
        bad = "('failed', 'cancelled')"
        joined = f"n IN (SELECT up FROM edge WHERE down = ?) AND status IN {bad}"
        refusing = self.lines(f"{joined} ORDER BY n LIMIT 1", (line.n,))
        if refusing and not line.tolerant:
            self.cancel_for(line, refusing[0])
            self.consume_edges(line)
        elif line.unmet == 0:
            self.release(line)

    def end_if_over(self, sheet: Sheet) -> None:
        """Complete or fail a swarm whose tasks have all ended."""
        if sheet.status in ENDED or not is_over(sealed=sheet.sealed, counts=sheet.counts):
            return
        sql = (
            "SELECT key, reason FROM task t WHERE swarm = ? AND status IN ('failed', 'cancelled')"
            f" AND NOT (status = 'cancelled' AND substr(reason, 1, {len(MOVED)}) = '{MOVED}')"
            " AND NOT EXISTS (SELECT 1 FROM edge WHERE up = t.n) ORDER BY ordinal LIMIT 1"
        )
        sink = self.db.row(sql, (sheet.n,))
        sheet.reason = f"task {sink[0]}: {sink[1]}" if sink else ""
        move = ending(unserved_sinks=1 if sink else 0)
        self.move_swarm(sheet, move, told={"reason": sheet.reason})

    def reseat(self, sheet: Sheet) -> None:
        """Put the swarm's seats into their rings, or take them out, by what holds now."""
        may = takes_grants(sheet.status) and sheet.room > 0
        if sheet.seats is None and may is sheet.may_run:
            return  # what nobody has read stands as it stood: so it is for most settlements
        sheet.may_run = may
        for lane, seat in self.seats(sheet).items():
            eligible = may and seat.ready > 0
            if eligible and not seat.eligible:
                floor = self.db.value("SELECT floor FROM lane WHERE name = ?", (lane,))
                seat.vt = entry_vt(own=seat.vt, floor=floor)
                self.topics.add(WORK_TOPIC)
            seat.is_dirty |= eligible != seat.eligible
            seat.eligible = eligible

    def seats(self, sheet: Sheet) -> dict[str, SeatLine]:
        """Read a swarm's seats by lane, once per command."""
        if sheet.seats is None:
            sql = "SELECT lane, vt, ready, eligible FROM seat WHERE swarm = ?"
            sheet.seats = {
                lane: SeatLine(vt, ready, bool(on), is_dirty=False)
                for lane, vt, ready, on in self.db.rows(sql, (sheet.n,))
            }
        return sheet.seats

    def seat(self, sheet: Sheet, lane: str) -> SeatLine:
        """Find or make the swarm's seat in a lane, and the lane."""
        seats = self.seats(sheet)
        if lane not in seats:
            queue, kind, needs = lane.split("|")
            self.db.run(
                "INSERT OR IGNORE INTO lane (name, queue, kind, needs) VALUES (?, ?, ?, ?)",
                (lane, queue, kind, needs),
            )
            seats[lane] = SeatLine()
        return seats[lane]

    def flush(self) -> None:
        """Write what the sheets hold."""
        self.db.run_many("INSERT OR REPLACE INTO outcome VALUES (?, ?)", self.outcomes)
        self.outcomes.clear()
        sheets = list(self._sheets.values())
        self._sheets.clear()
        self.topics.update(rest_topic(sheet.id) for sheet in sheets if _may_rest(sheet))
        self._write_sheets(sheets)
        seats = [
            (lane, sheet.n, sheet.id, seat.vt, seat.ready, seat.eligible)
            for sheet in sheets
            for lane, seat in (sheet.seats or {}).items()
            if seat.is_dirty
        ]
        self.db.run_many("INSERT OR REPLACE INTO seat VALUES (?, ?, ?, ?, ?, ?)", seats)
        events = [event for sheet in sheets for event in sheet.events]
        self.db.run_many("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", events)

    def give_back(self, where: str, values: tuple[Column, ...], *, reason: str) -> None:
        """Give parts of pools back, and serve those who wait for them."""
        self.tell_pools(give_back(self.db, where, values, reason=reason))

    def tell_pools(self, told: Iterable[Told]) -> None:
        """Tell what became of allocations, and wake those who wait for one."""
        for swarm, note in told:
            self.tell(self.sheet(swarm), note.kind, task=note.task, data=note.data)
            self.topics.add(POOL_TOPIC)

    def _write_sheets(self, sheets: Sequence[Sheet]) -> None:
        changed = [sheet for sheet in sheets if _state(sheet) != sheet.stored]
        told = [sheet for sheet in sheets if sheet.events and _state(sheet) == sheet.stored]
        rows = [(*_state(sheet), sheet.seq, sheet.n) for sheet in changed]
        self.db.run_many(WRITE_SWARM, rows)
        self.db.run_many(WRITE_SEQ, [(sheet.seq, sheet.n) for sheet in told])

    def _lose_calls(self, sheet: Sheet, line: TaskLine) -> None:
        if lost := lose_calls(self.db, sheet.n, line.n):
            self.tell(sheet, Remark.PURSE_LOST, task=line.key, data=lost)

    def _shift(self, sheet: Sheet, line: TaskLine, move: TaskMove) -> TaskStatus:
        """Move a status in memory, with counts and seat; gives what it was before."""
        before, line.status = line.status, moved(TASK_MOVES, line.status, move)
        sheet.counts[before] -= 1
        sheet.counts[line.status] += 1
        self._keep_seat(sheet, line, before)
        return before

    def _keep_seat(self, sheet: Sheet, line: TaskLine, before: TaskStatus) -> None:
        if TaskStatus.READY in (before, line.status):
            seat = self.seat(sheet, line.lane)
            seat.ready += 1 if line.status is TaskStatus.READY else -1
            seat.is_dirty = True
            if line.status is TaskStatus.READY:
                self.topics.add(WORK_TOPIC)
        self.reseat(sheet)

    def _leave(self, sheet: Sheet) -> None:
        lanes = list(self.seats(sheet))
        self.db.run("DELETE FROM seat WHERE swarm = ?", (sheet.n,))
        self.db.run("DELETE FROM drain WHERE swarm = ?", (sheet.n,))
        for lane in lanes:
            # An empty ring keeps no floor, for there is nobody left to be fair to.
            self.db.run(
                "DELETE FROM lane WHERE name = ?"
                " AND NOT EXISTS (SELECT 1 FROM seat WHERE lane = lane.name)",
                (lane,),
            )
        sheet.seats = {}

    def _consume(self, up: TaskLine, budget: int, ended: list[TaskLine]) -> int:
        where = (
            "n IN (SELECT down FROM edge WHERE up = ? AND met = 0 ORDER BY down LIMIT ?) ORDER BY n"
        )
        downs = self.lines(where, (up.n, budget))
        self.db.run_many(
            "UPDATE edge SET met = 1 WHERE up = ? AND down = ?", [(up.n, down.n) for down in downs]
        )
        for down in downs:
            down.unmet -= 1
            if down.status is not TaskStatus.WAITING:
                self.set(down, unmet=down.unmet)
            elif up.status is not TaskStatus.SUCCEEDED and not down.tolerant:
                self.cancel_for(down, up, unmet=down.unmet)
                ended.append(down)
            elif down.unmet == 0:
                self.release(down, unmet=0)
            else:
                self.set(down, unmet=down.unmet)
        return len(downs)

    def _keep_drain(self, up: TaskLine, *, may_be_left: bool) -> None:
        sql = "SELECT 1 FROM edge WHERE up = ? AND met = 0 LIMIT 1"
        if not may_be_left or self.db.value(sql, (up.n,)) is None:
            self.db.run("DELETE FROM drain WHERE task = ?", (up.n,))
        else:
            self.db.run("INSERT OR IGNORE INTO drain VALUES (?, ?)", (up.n, up.swarm))

    def _read_sheet(self, n: int) -> Sheet:
        (row,) = self.db.rows(READ_SWARM, (n,))
        sheet = Sheet(
            n=n,
            id=SwarmId(row[0]),
            status=SwarmStatus(row[1]),
            sealed=bool(row[2]),
            cap=row[3],
            seq=row[4],
            timeout_s=row[5],
            deadline=row[6],
            ended_at=row[7],
            reason=row[8],
            has_purse=bool(row[9]),
            holds=bool(row[10]),
            counts=dict(zip(STATUSES, row[11:], strict=True)),
        )
        sheet.may_run = takes_grants(sheet.status) and sheet.room > 0
        sheet.stored = _state(sheet)
        return sheet


def _may_rest(sheet: Sheet) -> bool:
    """Say whether a changed swarm may be at rest; whoever hears of it looks for himself."""
    return bool(sheet.events) and is_at_rest(sheet.status, sheet.counts, is_empty=True)


@lru_cache(maxsize=64)
def _update(*names: str) -> str:
    return f"UPDATE task SET {', '.join(f'{name} = ?' for name in names)} WHERE n = ?"


def status_of_new(line: TaskLine) -> TaskStatus:
    """The status under which a task of a new plan is written: ready, when nothing holds it."""
    if line.unmet == 0 and line.delay_s == 0:
        return moved(TASK_MOVES, line.status, TaskMove.RELEASE)
    return line.status


def _state(sheet: Sheet) -> tuple[Column, ...]:
    """What `WRITE_SWARM` writes before the number of the last event."""
    return (
        sheet.status,
        sheet.sealed,
        sheet.cap,
        sheet.deadline,
        sheet.ended_at,
        sheet.reason,
        *sheet.counts.values(),
    )
