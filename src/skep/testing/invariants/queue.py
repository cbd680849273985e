"""Invariants of the queue and of leases: entries, counts, holders, deadlines."""

from collections import Counter
from math import isclose

from skep.policy.endings import takes_grants
from skep.ports.inspection import Dump, RingSeat
from skep.records.swarm import ENDED
from skep.records.task import Task, TaskStatus, lane_of
from skep.testing.invariants.report import hold
from skep.testing.invariants.view import View

NONCE_DIGITS = 32


def check_entries(view: View, seats: list[RingSeat]) -> None:
    """Invariant 4: ready tasks, and only those, have an entry; a seat is served when it may be."""
    ready = Counter(
        lane_of(task.spec) for task in view.tasks.values() if task.status is TaskStatus.READY
    )
    entered = {seat.lane: seat.ready for seat in seats}
    hold(4, f"{view.swarm.id} has a lane twice", that=len(entered) == len(seats))
    for lane in ready.keys() | entered.keys():
        hold(
            4,
            f"{view.swarm.id} has {entered.get(lane, 0)} entries for {ready[lane]} ready tasks"
            f" in {lane}",
            that=entered.get(lane, 0) == ready[lane],
        )
    for seat in seats:
        may = seat.ready > 0 and view.room > 0 and takes_grants(view.swarm.status)
        hold(
            4,
            f"{seat} should {'' if may else 'not '}be served: {view.swarm.id} is"
            f" {view.swarm.status} with room {view.room}",
            that=seat.eligible == may,
        )
    if view.swarm.status in ENDED:
        hold(4, f"{view.swarm.id} has ended and still has seats", that=not seats)


def check_counts(view: View) -> None:
    """Invariant 7: the stored counters are the recomputed ones."""
    stored = Counter({status: n for status, n in view.swarm.counts.items() if n})
    hold(7, f"{view.swarm.id} counts {stored}, there are {view.counts}", that=stored == view.counts)


def check_holders(dump: Dump) -> None:
    """Invariants 8, 11 and 17: one holder, no shared nonce, no token that outlives its grant."""
    nonces = Counter(held.nonce for held in dump.held.values() if held.nonce)
    for nonce, times in nonces.items():
        hold(8, f"nonce {nonce} was given {times} times", that=times == 1)
    for task in dump.tasks:
        held = dump.held[task.ref]
        hold(
            8,
            f"{task.ref} and its grant disagree: {held}",
            that=(held.run, held.attempt, held.status) == (task.run, task.attempt, task.status),
        )
        if task.status not in (TaskStatus.RUNNING, TaskStatus.CANCELLED):
            void = bool(held.spent) or not held.nonce
            hold(11, f"{task.ref} is {task.status}, its token was not voided", that=void)
        if task.status is TaskStatus.RUNNING:
            hold(8, f"{task.ref} runs under {held}", that=len(held.nonce) == NONCE_DIGITS)
            hold(17, f"{task.ref} runs though it was settled", that=not held.spent)
        if task.status is TaskStatus.SUCCEEDED:
            hold(17, f"{task.ref} succeeded without a settlement", that=bool(held.spent))


def check_deadlines(task: Task) -> None:
    """Invariant 13: no lease goes on beyond the start-to-close deadline of its attempt."""
    if task.lease_until is None or task.hard_until is None or task.started_at is None:
        return
    hold(
        13,
        f"{task.ref} is leased until {task.lease_until}, over {task.hard_until}",
        that=task.lease_until <= task.hard_until,
    )
    hold(
        13,
        f"{task.ref} may run until {task.hard_until}, not {task.spec.timeout_s} s",
        that=isclose(task.hard_until, task.started_at + task.spec.timeout_s),
    )
