"""The oracle: every sentence of the promise is a check of its own, held against the evidence.

A check gives the culprits; the first line of its docstring is the sentence. `ALWAYS` holds at any
moment, `AT_THE_END` once everything had its time to come to an end.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tests.chaos.evidence import Evidence, Seen, Wanted
from tests.chaos.sums import expected, parts_of, with_kids

from skep.records.swarm import ENDED, SwarmStatus
from skep.records.task import TaskStatus
from skep.records.values import parsed

SETTLED_WITHIN_S: Final = 60.0

Check = Callable[[Evidence], Iterator[str]]


def judge(evidence: Evidence, checks: Mapping[str, Check]) -> dict[str, list[str]]:
    """Make some checks; gives the culprits of those that failed, by the check's name."""
    found = {name: list(check(evidence)) for name, check in checks.items()}
    return {name: culprits for name, culprits in found.items() if culprits}


# --- at the end ----------------------------------------------------------------------------------


def accepted(evidence: Evidence) -> Iterator[str]:
    """Every acknowledged swarm is in the store."""
    there = {seen.swarm.id for seen in evidence.swarms}
    for wanted in evidence.wanted.values():
        if not wanted.is_acknowledged:
            yield f"{wanted.swarm} was never acknowledged, however often it was handed in"
        elif wanted.swarm not in there:
            yield f"{wanted.swarm} was acknowledged and is not there"


def terminal(evidence: Evidence) -> Iterator[str]:
    """Every swarm is terminal within 60 s of the last kill."""
    for seen in evidence.swarms:
        swarm = seen.swarm
        if swarm.status not in ENDED:
            counts = {str(status): n for status, n in swarm.counts.items() if n}
            yield f"{swarm.id} is {swarm.status}: {counts}"
        elif (swarm.ended_at or 0) > evidence.fates.last_kill + SETTLED_WITHIN_S:
            yield f"{swarm.id} took too long to end"


def tasks_lost(evidence: Evidence) -> Iterator[str]:
    """No task is lost: each one of each plan succeeded, spawned ones too, and there is no other."""
    for wanted, seen in pairs(evidence):
        due = expected(wanted.shape, wanted.n).keys()
        if seen.swarm.status in ENDED and seen.swarm.status is not SwarmStatus.COMPLETED:
            yield f"{wanted.swarm} {seen.swarm.status}: {seen.swarm.reason}"
        for key in due ^ seen.tasks.keys():
            yield f"{wanted.swarm}/{key} is {'missing' if key in due else 'too much'}"
        for key, task in seen.tasks.items():
            if task.status is not TaskStatus.SUCCEEDED:
                yield f"{wanted.swarm}/{key} is {task.status}: {task.reason}"


def effects_missing(evidence: Evidence) -> Iterator[str]:
    """Each payment of a task that succeeded was made, and each letter sent, in its last run."""
    calls = [call for each in evidence.calls.values() for call in each]
    done = {(call.swarm, call.task, call.run) for call in calls}
    for wanted, seen in pairs(evidence):
        parts = with_kids(parts_of(wanted.shape, wanted.n))
        for part in [part for part in parts if part.agent in {"charge", "letter"}]:
            task = seen.tasks.get(part.key)
            if task and task.outcome and (wanted.swarm, part.key, str(task.run)) not in done:
                yield f"{wanted.swarm}/{part.key} of run {task.run}"


# --- at any moment -------------------------------------------------------------------------------


def submitted_twice(evidence: Evidence) -> Iterator[str]:
    """Every swarm in the store was wanted, and is there once."""
    there = Counter(seen.objective for seen in evidence.swarms)
    for objective, times in there.items():
        if times > 1:
            yield f"{objective} is there {times} times"
        if objective not in evidence.wanted:
            yield f"{objective} was wanted by nobody"


def results(evidence: Evidence) -> Iterator[str]:
    """What each task came to is what arithmetic outside of Skep says."""
    for wanted, seen in pairs(evidence):
        sums = expected(wanted.shape, wanted.n)
        for key, task in seen.tasks.items():
            if task.outcome is not None and (found := said(task.outcome, "sum")) != sums.get(key):
                yield f"{wanted.swarm}/{key} came to {found}, not to {sums.get(key)}"


def outcomes_twice(evidence: Evidence) -> Iterator[str]:
    """No outcome stands twice: a task succeeds at most once in a run."""
    for seen in evidence.swarms:
        open_again: Counter[str] = Counter()
        for event in seen.events:
            task = event.task or ""
            open_again[task] += (event.kind == "task.succeeded") - (event.kind == "task.reopened")
            if open_again[task] > 1:
                yield f"{seen.swarm.id}/{task}"


def replaced_holders(evidence: Evidence) -> Iterator[str]:
    """No outcome comes from an attempt that somebody else had taken over."""
    for seen in evidence.swarms:
        claims = [event for event in seen.events if event.kind == "task.claimed"]
        held = {str(event.task): event.data["attempt"] for event in claims}
        for key, task in seen.tasks.items():
            by = said(task.outcome, "attempt") if task.outcome is not None else held.get(key)
            if by != held.get(key):
                yield f"{seen.swarm.id}/{key}: by attempt {by}, held by {held.get(key)}"


def out_of_order(evidence: Evidence) -> Iterator[str]:
    """The log is dense, and no task was given out before all that it waits for had succeeded."""
    for wanted, seen in pairs(evidence):
        if [event.seq for event in seen.events] != list(range(1, len(seen.events) + 1)):
            yield f"{wanted.swarm}: the log has gaps"
        after = {part.key: part.after for part in parts_of(wanted.shape, wanted.n)}
        done: set[str] = set()
        for event in seen.events:
            if event.kind == "task.succeeded":
                done.add(event.task or "")
            elif event.kind == "task.claimed" and not done.issuperset(
                after.get(event.task or "", ())
            ):
                yield f"{wanted.swarm}/{event.task} began too early"


def effects_twice(evidence: Evidence) -> Iterator[str]:
    """Keyed effects happen at most once per key, and one key stands for one payment of one run."""
    keys: dict[tuple[str, str, str], set[str]] = {}
    for key, calls in evidence.of_kind("pay").items():
        for call in calls:
            keys.setdefault((call.swarm, call.task, call.run), set()).add(key)
    for payment, found in keys.items():
        if len(found) > 1:
            yield f"{payment} was paid under {sorted(found)}"
    for key, times in evidence.paid.items():
        if times > 1:
            yield f"{key} was paid {times} times"


def sent_twice(evidence: Evidence) -> Iterator[str]:
    """What may be called only once is called at most once per task, run and key."""
    for key, calls in evidence.of_kind("letter").items():
        if len(calls) > 1:
            yield f"{key} was sent {len(calls)} times"


def asked_again(evidence: Evidence) -> Iterator[str]:
    """No answer that is recorded is asked for again.

    A life that was frozen between the intent and its call is left out: it was let out to call
    before somebody else recorded the answer, and none of us can take that back.
    """
    for key, calls in evidence.calls.items():
        recorded_at = evidence.recorded_at(key)
        if any(evidence.was_frozen(call) for call in calls):
            continue
        for call in calls:
            if call.asked_at > recorded_at:
                late_s = call.asked_at - recorded_at
                yield f"{key} by {call.life}, {late_s:.3f} s after it was recorded"


def repeats(evidence: Evidence) -> Iterator[str]:
    """Per step key, the calls minus one are at most the deaths while it was open."""
    for key, calls in evidence.calls.items():
        deaths = sum(evidence.is_struck(call) for call in calls)
        if len(calls) - 1 > deaths:
            lives = [call.life for call in calls]
            yield f"{key}: {len(calls)} calls by {lives}, {deaths} deaths"


def ended_alone(evidence: Evidence) -> Iterator[str]:
    """No worker ends by itself, and no submitter before it is done."""
    for life, code in evidence.fates.ended.items():
        if code != 0 or life.startswith("w"):
            yield f"{life} ended with {code}"


def pairs(evidence: Evidence) -> Iterator[tuple[Wanted, Seen]]:
    """Each swarm that was wanted and is there."""
    for seen in evidence.swarms:
        if seen.objective in evidence.wanted:
            yield evidence.wanted[seen.objective], seen


def said(outcome: str, field: str) -> object:
    """What an outcome says of something."""
    value = parsed(outcome)
    return value.get(field) if isinstance(value, dict) else None


ALWAYS: Final[Mapping[str, Check]] = {
    check.__name__: check
    for check in (
        submitted_twice,
        results,
        outcomes_twice,
        replaced_holders,
        out_of_order,
        effects_twice,
        sent_twice,
        asked_again,
        repeats,
        ended_alone,
    )
}

AT_THE_END: Final[Mapping[str, Check]] = {
    **ALWAYS,
    **{check.__name__: check for check in (accepted, terminal, tasks_lost, effects_missing)},
}
