"""How far a recovered swarm can be trusted, computed from facts that are shown beside the figure.

Half of it is given for a swarm that goes on at all. The rest is earned by three facts, an equal
part by each, and nobody is ever certain.
"""

from collections.abc import Sequence
from typing import Final

from skep.policy.recovery import Rebuilt, missing
from skep.records.image import Image
from skep.records.recovering import CONFIDENCE_MAX, CONFIDENCE_MIN, Fact, TaskFate
from skep.records.task import TaskStatus

FRESH_S: Final = 60.0
"""A point that is no older than this, measured by the log, is fresh."""


def confidence(facts: Sequence[Fact]) -> float:
    """Put facts together, from 0.5 to 0.95.

    >>> confidence([Fact(name="freshness", share=1.0, note="")])
    0.95
    >>> confidence([Fact(name="freshness", share=0.0, note="")])
    0.5
    """
    earned = sum(fact.share for fact in facts) / len(facts)
    return round(CONFIDENCE_MIN + (CONFIDENCE_MAX - CONFIDENCE_MIN) * earned, 3)


def facts_of(live: Image, point: Image | None, result: Rebuilt) -> tuple[Fact, ...]:
    """Collect the facts: how fresh the point is, which tasks are known, which attempts."""
    return (_freshness(live, point), _completeness(live, result), _accounted(live, result))


def _freshness(live: Image, point: Image | None) -> Fact:
    if point is None:
        return Fact(name="freshness", share=1.0, note="the live records themselves")
    behind = [event.at for event in live.events if event.seq > point.swarm.last_seq]
    since = max(behind) - min(behind) if behind else 0.0
    share = 1.0 if since < FRESH_S else FRESH_S / since
    note = f"{len(behind)} events over {since:.0f} s happened after the point"
    return Fact(name="freshness", share=share, note=note)


def _completeness(live: Image, result: Rebuilt) -> Fact:
    dropped = len(result.reinstatement.dropped)
    total = len(result.reinstatement.tasks) + dropped
    share = 1.0 - dropped / total if total else 1.0
    gone = len(missing(live))
    note = f"{total - dropped} of {total} tasks are known; {gone} had lost their record"
    return Fact(name="definitions", share=share, note=note)


def _accounted(live: Image, result: Rebuilt) -> Fact:
    del live
    begun = [task for task in result.reinstatement.tasks if task.task.attempt]
    redone = sum(note.fate is TaskFate.REDONE for note in result.notes)
    share = 1.0 - redone / len(begun) if begun else 1.0
    done = sum(task.task.status is TaskStatus.SUCCEEDED for task in begun)
    note = f"of {len(begun)} tasks that agents had begun, {done} are done and {redone} run again"
    return Fact(name="attempts", share=max(share, 0.0), note=note)
