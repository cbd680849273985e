"""Invariants of questions to people: their steps, their decisions, and who waits for them."""

from collections import Counter

from skep.policy.approving import approval_id, step_value
from skep.ports.inspection import Dump
from skep.records.approval import ASKED, Approval, ApprovalState
from skep.records.event import Remark
from skep.records.ids import ApprovalId, TaskRef
from skep.records.step import Step, StepState
from skep.records.task import TERMINAL, Task, TaskStatus
from skep.testing.invariants.rebuilt import rebuilt_among
from skep.testing.invariants.report import hold

Place = tuple[TaskRef, int, str]


def check_approvals(dump: Dump) -> None:
    """Invariants 38 to 40: each question has its step, its decision the same value, and a wait."""
    rebuilt = rebuilt_among(dump.events)
    asked = [step for step in dump.steps if step.key.startswith(ASKED)]
    steps = {_place(step): step for step in asked}
    own = {_place(step) for step in asked if step.ref.swarm not in rebuilt}
    known = {approval.id: approval for approval in dump.approvals}
    hold(38, "a question stands twice", that=len(known) == len(dump.approvals))
    places = {_place(approval) for approval in dump.approvals}
    hold(38, f"steps without their question {own - places}", that=own <= places)
    tasks = {task.ref: task for task in dump.tasks}
    for approval in dump.approvals:
        _check_step(approval, steps.get(_place(approval)))
        _check_wait(approval, tasks[approval.ref])
    for task in dump.tasks:
        _check_blocked(task, known)
    _check_told(dump)


def _place(thing: Step | Approval) -> Place:
    return thing.ref, thing.run, thing.key


def _check_step(approval: Approval, step: Step | None) -> None:
    """The step is open until the decision, and then holds what was decided."""
    name = f"approval {approval.id} of {approval.ref}"
    named = approval_id(approval.ref, approval.run, approval.key)
    hold(38, f"{name} should be called {named}", that=approval.id == named)
    if step is None:
        return hold(38, f"{name} has no step", that=False)
    hold(38, f"{name} and its step differ", that=approval.fingerprint == step.fingerprint)
    decision = approval.decision
    if decision is None:
        return hold(39, f"{name} is open, its step {step.state}", that=step.state is StepState.OPEN)
    value = step_value(decision.verdict, by=decision.by, reason=decision.reason)
    hold(39, f"{name}: {decision}, its step has {step.value}", that=step.value == value)
    return hold(39, f"{name} is {approval.state}", that=approval.state == decision.verdict)


def _check_wait(approval: Approval, task: Task) -> None:
    """What is pending belongs to the present run of a live task, what is withdrawn does not."""
    if approval.decision is not None:
        return
    is_over = task.status in TERMINAL or task.run != approval.run
    wanted = ApprovalState.WITHDRAWN if is_over else ApprovalState.PENDING
    detail = f"approval {approval.id} of {task.ref}, run {approval.run}, is {approval.state}"
    hold(
        40, f"{detail}; its task is {task.status} in run {task.run}", that=approval.state is wanted
    )


def _check_blocked(task: Task, known: dict[ApprovalId, Approval]) -> None:
    """Who waits for decisions is blocked, and waits for none that has been made."""
    if not task.awaits:
        return
    hold(39, f"{task.ref} is {task.status} and awaits", that=task.status is TaskStatus.BLOCKED)
    for each in task.awaits:
        approval = known.get(each)
        is_own = approval is not None and (approval.ref, approval.run) == (task.ref, task.run)
        hold(39, f"{task.ref} awaits {each}, which is not its own", that=is_own)
        is_open = approval is not None and approval.decision is None
        hold(39, f"{task.ref} still awaits {each}, which is decided", that=is_open)


def _check_told(dump: Dump) -> None:
    """Each question is told of once, and each decision once with its verdict."""
    rebuilt = rebuilt_among(dump.events)
    told = Counter(
        (str(event.kind), str(event.data.get("approval")), str(event.data.get("verdict", "")))
        for event in dump.events
        if event.swarm not in rebuilt
        and event.kind in {Remark.APPROVAL_ASKED, Remark.APPROVAL_DECIDED}
    )
    kept = [each for each in dump.approvals if each.ref.swarm not in rebuilt]
    stored = Counter((str(Remark.APPROVAL_ASKED), str(each.id), "") for each in kept)
    stored.update(
        (str(Remark.APPROVAL_DECIDED), str(each.id), str(each.decision.verdict))
        for each in kept
        if each.decision is not None
    )
    hold(25, f"approvals: told {dict(told)}, stored {dict(stored)}", that=told == stored)
