"""What may follow what: invariants that two dumps of one store show, taken one after the other."""

from dataclasses import replace

from skep.ports.inspection import Dump
from skep.records.approval import ApprovalState
from skep.records.ids import SwarmId
from skep.records.step import StepState
from skep.records.task import TERMINAL
from skep.testing.invariants.leadership import check_terms
from skep.testing.invariants.messages import check_mail_step
from skep.testing.invariants.report import InvariantBroken, hold


def check_step(before: Dump, after: Dump) -> None:
    """Raise `InvariantBroken` when `after` forgot or changed what `before` had settled."""
    _check_events(before, after)
    _check_journal(before, after)
    _check_tasks(before, after)
    _check_approvals(before, after)
    _check_told(before, after)
    check_mail_step(before, after)
    check_terms(before, after)


def _check_events(before: Dump, after: Dump) -> None:
    told = dict[tuple[SwarmId, int], object]()
    for event in after.events:
        told[event.swarm, event.seq] = event
    for event in before.events:
        same = told.get((event.swarm, event.seq)) == event
        hold(25, f"event {event.seq} of {event.swarm} was lost or rewritten", that=same)


def _check_journal(before: Dump, after: Dump) -> None:
    lines = {(step.ref, step.run, step.key): step for step in after.steps}
    for step in before.steps:
        now = lines.get((step.ref, step.run, step.key))
        name = f"step {step.key} of {step.ref}, run {step.run}"
        if now is None:
            raise InvariantBroken(31, f"{name} was removed")
        hold(20, f"{name} changed its fingerprint", that=now.fingerprint == step.fingerprint)
        hold(22, f"{name} forgot calls", that=now.calls >= step.calls)
        if step.state is StepState.RECORDED:
            # What a call took may come in later than the answer of an earlier one (24).
            money = {"reserved": now.reserved, "spent": now.spent, "payee": now.payee}
            hold(19, f"{name} changed its value", that=now == replace(step, **money))


def _check_tasks(before: Dump, after: Dump) -> None:
    tasks = {task.ref: task for task in after.tasks}
    for task in before.tasks:
        now = tasks.get(task.ref)
        if now is None:
            raise InvariantBroken(6, f"{task.ref} was removed")
        hold(8, f"{task.ref} went back in attempts", that=now.attempt >= task.attempt)
        hold(1, f"{task.ref} went back in runs", that=now.run >= task.run)
        if task.status in TERMINAL and now.run == task.run:
            hold(1, f"{task.ref} left {task.status}", that=now.status is task.status)
            hold(17, f"{task.ref} changed its value", that=now.outcome == task.outcome)


def _check_told(before: Dump, after: Dump) -> None:
    now = {(told.swarm, told.number): told for told in after.told}
    for told in before.told:
        kept = now.get((told.swarm, told.number))
        hold(44, f"{told} has become {kept}", that=kept == told)


def _check_approvals(before: Dump, after: Dump) -> None:
    now = {approval.id: approval for approval in after.approvals}
    for approval in before.approvals:
        kept = now.get(approval.id)
        if kept is None:
            raise InvariantBroken(31, f"approval {approval.id} was removed")
        if approval.state is not ApprovalState.PENDING:
            hold(39, f"{approval} has become {kept}", that=kept == approval)
