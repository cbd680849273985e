"""The figures of one run of the rig, in one line to quote."""

from collections import Counter
from dataclasses import dataclass

from tests.chaos.evidence import Evidence
from typing_extensions import override

from skep.records.task import TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much happened."""

    swarms: int
    tasks: int
    kills: int
    kills_in_open_calls: int
    freezes: int
    takeovers: int
    reclaims: int
    calls: int
    repeats: int
    letters_unknown: int
    settled_s: float

    @override
    def __str__(self) -> str:
        return (
            f"{self.swarms} swarms, {self.tasks} tasks, {self.kills} kills"
            f" ({self.kills_in_open_calls} in open calls), {self.freezes} freezes,"
            f" {self.takeovers} takeovers, {self.reclaims} reclaims, {self.calls} calls"
            f" ({self.repeats} repeats), {self.letters_unknown} letters unknown,"
            f" all ended {self.settled_s:.1f} s after the last kill"
        )


def count(evidence: Evidence) -> Figures:
    """Count it."""
    events = Counter(
        (event.kind, event.data.get("reason"))
        for seen in evidence.swarms
        for event in seen.events
        if event.kind in {"task.lost", "step.unknown"}
    )
    calls = [call for each in evidence.calls.values() for call in each]
    ends = [seen.swarm.ended_at or 0.0 for seen in evidence.swarms]
    return Figures(
        swarms=len(evidence.swarms),
        tasks=sum(seen.swarm.counts[TaskStatus.SUCCEEDED] for seen in evidence.swarms),
        kills=len(evidence.fates.killed),
        kills_in_open_calls=len({call.life for call in calls if evidence.was_killed_open(call)}),
        freezes=sum(len(each) for each in evidence.fates.frozen.values()),
        takeovers=events["task.lost", "its lease ran out"],
        reclaims=events["task.lost", "its worker was started again"],
        calls=len(calls),
        repeats=len(calls) - len(evidence.calls),
        letters_unknown=events["step.unknown", None],
        settled_s=max(0.0, max(ends, default=0.0) - evidence.fates.last_kill),
    )
