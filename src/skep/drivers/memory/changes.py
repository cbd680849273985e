"""The changes of state: each moves one status by its table, keeps the counts, and tells the log.

Everything that the memory store does to a task or a swarm goes through `Changes`, so that a
transition without its event, its counters or its seat in the ring cannot be written.
"""

from collections.abc import Mapping, Sequence

from skep.drivers.bell import rest_topic
from skep.drivers.memory.state import SeatRow, SwarmRow, Tables, TaskRow
from skep.policy.endings import ending, is_at_rest, is_over, takes_grants
from skep.policy.fairness import entry_vt
from skep.policy.placement import is_moved
from skep.policy.pools import ATTEMPT_OVER, POOL_TOPIC, SWARM_ENDED
from skep.policy.purse import lose, lost_told
from skep.records.event import Event, Remark
from skep.records.ids import TaskKey
from skep.records.limits import SETTLE_EDGES_MAX
from skep.records.moves import moved
from skep.records.pool import Allocation
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmMove
from skep.records.task import TASK_MOVES, TERMINAL, TaskMove, TaskStatus
from skep.records.values import Json

WORK_TOPIC = "work"


class Changes:
    """One operation's changes, all made at the same time `at`."""

    def __init__(self, tables: Tables, *, at: float) -> None:
        self.tables = tables
        self.at = at
        self.topics: set[str] = set()

    def tell(
        self, swarm: SwarmRow, kind: str, *, task: TaskKey | None, data: Mapping[str, Json]
    ) -> None:
        """Append one event."""
        seq = len(swarm.events) + 1
        swarm.events.append(
            Event(swarm=swarm.id, seq=seq, kind=kind, at=self.at, task=task, data=data)
        )
        self.topics.add(swarm.id)
        if is_at_rest(swarm.status, swarm.counts, is_empty=swarm.purse.is_empty):
            self.topics.add(rest_topic(swarm.id))

    def move(self, task: TaskRow, move: TaskMove, **data: Json) -> None:
        """Move a task's status, with counts, seat and event."""
        swarm = self.tables.swarms[task.ref.swarm]
        if task.status is TaskStatus.RUNNING:
            self._lose_calls(swarm, task)
            self.give_back(self.tables.poolroom.of_task(task.ref), ATTEMPT_OVER)
        before, task.status = task.status, moved(TASK_MOVES, task.status, move)
        swarm.counts[before] -= 1
        swarm.counts[task.status] += 1
        self._keep_seat(swarm, task, before)
        if task.status is not TaskStatus.RUNNING:
            task.worker, task.lease_until, task.hard_until = None, None, None
        task.ended_at = self.at if task.status in TERMINAL else None
        self.tell(swarm, move, task=task.ref.key, data=data)

    def move_swarm(self, swarm: SwarmRow, move: SwarmMove, **data: Json) -> None:
        """Move a swarm's status, with its seats and event."""
        swarm.status = moved(SWARM_MOVES, swarm.status, move)
        if swarm.status in ENDED:
            swarm.ended_at = self.at
            self.give_back(self.tables.poolroom.of(swarm.id), SWARM_ENDED)
            self._leave(swarm)
        else:
            swarm.ended_at = None
        self.reseat(swarm)
        self.tell(swarm, move, task=None, data=data)

    def release(self, task: TaskRow) -> None:
        """Let a waiting task whose dependencies are met become ready, now or after its delay."""
        if task.spec.delay_s > 0:
            task.wake_at = self.at + task.spec.delay_s
            self.move(task, TaskMove.POSTPONE, wake_at=task.wake_at)
        else:
            self.move(task, TaskMove.RELEASE)

    def consume_edges(self, task: TaskRow, *, budget: int = SETTLE_EDGES_MAX) -> int:
        """Meet up to `budget` edges out of ended tasks, beginning with `task`; returns how many.

        A dependent becomes ready, or is cancelled when it needed the task to succeed; then its
        own edges are met too. What the budget leaves over is put down for the sweeper.
        """
        left, ended = budget, [task]
        while ended:
            row = ended.pop(0)
            left -= self._consume(row, left, ended)
            if not all(row.downs.values()):
                self.tables.drains[row.ref] = None
            else:
                self.tables.drains.pop(row.ref, None)
        return budget - left

    def settle_waiting(self, task: TaskRow) -> None:
        """Release or cancel a task by what its dependencies have come to, if it waits still."""
        if task.status is not TaskStatus.WAITING:
            return
        siblings = self.tables.swarms[task.ref.swarm].tasks
        for up in sorted((siblings[key] for key in task.ups), key=lambda up: up.ordinal):
            if up.status in TERMINAL and self._refuses(task, up):
                self._cancel_for(task, up)
                self.consume_edges(task)
                return
        if task.unmet == 0:
            self.release(task)

    def end_if_over(self, swarm: SwarmRow) -> None:
        """Complete or fail a swarm whose tasks have all ended."""
        if swarm.status in ENDED or not is_over(sealed=swarm.sealed, counts=swarm.counts):
            return
        bad = (TaskStatus.FAILED, TaskStatus.CANCELLED)
        sinks = [
            row
            for row in swarm.tasks.values()
            if row.status in bad and not row.downs and not is_moved(row.status, row.reason)
        ]
        swarm.reason = f"task {sinks[0].ref.key}: {sinks[0].reason}" if sinks else ""
        self.move_swarm(swarm, ending(unserved_sinks=len(sinks)), reason=swarm.reason)

    def reseat(self, swarm: SwarmRow) -> None:
        """Put the swarm's seats into their rings, or take them out, by what holds now."""
        may = takes_grants(swarm.status) and swarm.room > 0
        for name in swarm.lanes:
            lane = self.tables.lanes[name]
            seat = lane.seats.get(swarm.id)
            if seat is None:
                continue
            eligible = may and seat.ready > 0
            if eligible and not seat.eligible:
                seat.vt = entry_vt(own=seat.vt, floor=lane.floor)
                self.topics.add(WORK_TOPIC)
            seat.eligible = eligible

    def seat(self, swarm: SwarmRow, task: TaskRow) -> SeatRow:
        """Find or make the swarm's seat in the task's lane."""
        swarm.lanes.add(task.lane)
        return self.tables.lane(task.spec).seats.setdefault(swarm.id, SeatRow())

    def tell_pools(self) -> None:
        """Tell what became of allocations, and wake those who wait for one."""
        notes = self.tables.poolroom.notes
        for note in notes:
            self.tell(self.tables.swarms[note.swarm], note.kind, task=note.task, data=note.data)
            self.topics.add(POOL_TOPIC)
        notes.clear()

    def give_back(self, gone: Sequence[Allocation], reason: str) -> None:
        """Give parts of pools back, and serve those who wait for them."""
        if gone:
            self.tables.poolroom.give_back(gone, reason)
            self.tell_pools()

    def _lose_calls(self, swarm: SwarmRow, task: TaskRow) -> None:
        """Count as spent what calls had reserved that nobody will settle: the attempt is over."""
        line = self.tables.steps(swarm.id, task.ref.key, task.run) if swarm.purse.open else {}
        held = [step for step in line.values() if step.reserved is not None]
        for step in held:
            swarm.purse, line[step.key] = lose(swarm.purse, step)
        if held:
            self.tell(swarm, Remark.PURSE_LOST, task=task.ref.key, data=lost_told(held))

    def _keep_seat(self, swarm: SwarmRow, task: TaskRow, before: TaskStatus) -> None:
        if TaskStatus.READY in (before, task.status):
            seat = self.seat(swarm, task)
            if task.status is TaskStatus.READY:
                seat.ready += 1
                seat.push(task)
                self.topics.add(WORK_TOPIC)
            else:
                seat.ready -= 1
        self.reseat(swarm)

    def _leave(self, swarm: SwarmRow) -> None:
        for name in swarm.lanes:
            self.tables.lanes[name].seats.pop(swarm.id, None)
            if not self.tables.lanes[name].seats:
                # An empty ring keeps no floor, for there is nobody left to be fair to.
                del self.tables.lanes[name]
        swarm.lanes.clear()
        for ref in [ref for ref in self.tables.drains if ref.swarm == swarm.id]:
            del self.tables.drains[ref]

    def _consume(self, task: TaskRow, budget: int, ended: list[TaskRow]) -> int:
        siblings = self.tables.swarms[task.ref.swarm].tasks
        unmet = [key for key, met in task.downs.items() if not met]
        unmet.sort(key=lambda key: siblings[key].ordinal)
        open_edges = unmet[: max(budget, 0)]
        for key in open_edges:
            task.downs[key] = True
            down = siblings[key]
            down.unmet -= 1
            if down.status is not TaskStatus.WAITING:
                continue
            if self._refuses(down, task):
                self._cancel_for(down, task)
                ended.append(down)
            elif down.unmet == 0:
                self.release(down)
        return len(open_edges)

    def _refuses(self, down: TaskRow, up: TaskRow) -> bool:
        return up.status is not TaskStatus.SUCCEEDED and not down.spec.tolerant

    def _cancel_for(self, down: TaskRow, up: TaskRow) -> None:
        down.reason = f"task {up.ref.key}, which it waits for, was {up.status}"
        if up.status is TaskStatus.FAILED:
            down.reason = f"task {up.ref.key}, which it waits for, failed"
        self.move(down, TaskMove.CANCEL, reason=down.reason)
