"""A dump, indexed by what the checks ask for."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skep.ports.inspection import Dump, Edge
from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.swarm import Swarm
from skep.records.task import Task, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One swarm and all that belongs to it."""

    dump: Dump
    swarm: Swarm
    tasks: Mapping[TaskKey, Task]
    edges: Sequence[Edge]
    events: Sequence[Event]

    @property
    def counts(self) -> Counter[TaskStatus]:
        """How many tasks stand where, counted anew."""
        return Counter(task.status for task in self.tasks.values())

    @property
    def room(self) -> int:
        """How many more tasks may run."""
        return self.swarm.request.max_agents - self.counts[TaskStatus.RUNNING]

    def is_draining(self, key: TaskKey) -> bool:
        """Say whether the task has edges put down for the sweeper."""
        return TaskRef(swarm=self.swarm.id, key=key) in self.dump.drains


def views(dump: Dump) -> list[View]:
    """Split a dump by swarm."""
    tasks = defaultdict[SwarmId, dict[TaskKey, Task]](dict)
    edges = defaultdict[SwarmId, list[Edge]](list)
    events = defaultdict[SwarmId, list[Event]](list)
    for task in dump.tasks:
        tasks[task.ref.swarm][task.ref.key] = task
    for edge in dump.edges:
        edges[edge.swarm].append(edge)
    for event in dump.events:
        events[event.swarm].append(event)
    return [
        View(
            dump=dump,
            swarm=swarm,
            tasks=tasks[swarm.id],
            edges=edges[swarm.id],
            events=events[swarm.id],
        )
        for swarm in dump.swarms
    ]
