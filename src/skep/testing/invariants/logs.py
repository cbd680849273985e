"""Invariants of what is written down: outcomes, events, the journal."""

from collections import Counter

from skep.ports.inspection import Dump
from skep.records.event import EVENT_KINDS, Remark
from skep.records.ids import SwarmId, TaskKey
from skep.records.limits import PLAN_TASKS_MAX, RUN_STEPS_MAX, VALUE_BYTES_MAX
from skep.records.step import Effect, Step, StepState
from skep.records.swarm import ENDED
from skep.records.task import TERMINAL, Task, TaskMove, TaskStatus
from skep.records.values import digest_of
from skep.testing.invariants.rebuilt import rebuilt_among
from skep.testing.invariants.report import hold
from skep.testing.invariants.view import View


def check_whole(task: Task) -> None:
    """Invariant 17: what a change of status brings with it came with it, and nothing else."""
    running = task.status is TaskStatus.RUNNING
    holder = (task.worker, task.lease_until, task.hard_until)
    hold(
        17,
        f"{task.ref} is {task.status} with holder {holder}",
        that=all((part is not None) == running for part in holder),
    )
    hold(
        17,
        f"{task.ref} is {task.status}, ended at {task.ended_at}",
        that=(task.ended_at is not None) == (task.status in TERMINAL),
    )
    hold(
        17,
        f"{task.ref} is {task.status} with outcome {task.outcome}",
        that=(task.outcome is not None) == (task.status is TaskStatus.SUCCEEDED),
    )


def check_outcomes(view: View) -> None:
    """Invariant 17: the value that stands is the one whose event was told."""
    told: dict[TaskKey, object] = {}
    for event in view.events:
        if event.task is not None and event.kind == TaskMove.SUCCEED:
            told[event.task] = event.data.get("value_sha256")
    for key, task in view.tasks.items():
        if task.outcome is not None:
            hold(
                17,
                f"{task.ref} has another value than its event tells",
                that=told.get(key) == digest_of(task.outcome),
            )
    hold(
        17,
        f"{view.swarm.id} is {view.swarm.status}, ended at {view.swarm.ended_at}",
        that=(view.swarm.ended_at is not None) == (view.swarm.status in ENDED),
    )


def check_log(view: View) -> None:
    """Invariant 25: dense from 1, of known kinds, and as long as the swarm says."""
    seqs = [event.seq for event in view.events]
    hold(
        25,
        f"{view.swarm.id} has events {seqs}",
        that=seqs == list(range(1, len(seqs) + 1)) and view.swarm.last_seq == len(seqs),
    )
    strange = {event.kind for event in view.events} - EVENT_KINDS
    hold(25, f"{view.swarm.id} tells of {strange}", that=not strange)


def check_journal(dump: Dump) -> None:
    """Invariants 19 to 23 and 29, as far as the lines and their events show them."""
    for place, times in Counter((step.ref, step.run, step.key) for step in dump.steps).items():
        hold(19, f"step {place} stands {times} times", that=times == 1)
    for line, steps in Counter((step.ref, step.run) for step in dump.steps).items():
        hold(29, f"{line} has {steps} steps", that=steps <= RUN_STEPS_MAX)
    for step in dump.steps:
        _check_line(step)
    for remark, state in (
        (Remark.STEP_RECORDED, StepState.RECORDED),
        (Remark.STEP_UNKNOWN, StepState.UNKNOWN),
    ):
        _check_told(dump, remark, state)


def check_bounds(view: View) -> None:
    """Invariant 29: nothing is larger than its limit."""
    hold(29, f"{view.swarm.id} is too large", that=len(view.tasks) <= PLAN_TASKS_MAX)
    for task in view.tasks.values():
        size = len((task.outcome or "").encode())
        hold(29, f"{task.ref} keeps {size} bytes", that=size <= VALUE_BYTES_MAX)


def _check_line(step: Step) -> None:
    name = f"step {step.key} of {step.ref}, run {step.run}"
    hold(22, f"{name} was let out {step.calls} times", that=step.calls >= 1)
    hold(
        19,
        f"{name} is {step.state} with value {step.value}",
        that=(step.value is not None) == (step.state is StepState.RECORDED),
    )
    hold(20, f"{name} has no fingerprint", that=bool(step.fingerprint))
    if step.effect is Effect.ONCE:
        hold(23, f"{name} was let out {step.calls} times", that=step.calls == 1)
    elif step.state is StepState.UNKNOWN:
        hold(23, f"{name} is {step.effect} and never unknown", that=False)


def _check_told(dump: Dump, remark: Remark, state: StepState) -> None:
    told = Counter(
        _step_place(event.swarm, event.task, event.data.get("key"))
        for event in dump.events
        if event.kind == remark
    )
    stored = Counter(
        _step_place(step.ref.swarm, step.ref.key, step.key)
        for step in dump.steps
        if step.state is state
    )
    gone = {place for place in told - stored if _swarm_in(place) in rebuilt_among(dump.events)}
    too_often = {place for place in told - stored if place not in gone}
    hold(
        25,
        f"{remark} is told {too_often} too often, {dict(stored - told)} too seldom",
        that=not too_often and not stored - told,
    )


def _swarm_in(place: str) -> SwarmId:
    return SwarmId(place.partition("/")[0])


def _step_place(swarm: SwarmId, task: TaskKey | None, key: object) -> str:
    return f"{swarm}/{task}/{key}"
