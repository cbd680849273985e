"""Images: one whole swarm as it is at one moment, in words that no store owns.

An image is what a snapshot holds, what an export carries, and what a swarm is rebuilt from. It is
self-contained but for large contents, which it names by their hash.
"""

from dataclasses import dataclass, replace

from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.outcome import Artifact
from skep.records.step import Step
from skep.records.swarm import Swarm
from skep.records.task import Task
from skep.records.told import Told
from skep.records.values import Digest, blob_ref, referred


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskImage:
    """One task with what belongs to it.

    `ups` are the tasks it waits for, spawned ones included, in the order of the plan; `steps` are
    those of all its runs, in the order of their opening.
    """

    task: Task
    ups: tuple[TaskKey, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def key(self) -> TaskKey:
        """The key of the task."""
        return self.task.ref.key

    @property
    def contents(self) -> set[Digest]:
        """The contents that it refers to."""
        ref = blob_ref(self.task.spec.input)
        texts = [self.task.outcome, *(step.value for step in self.steps)]
        named = {referred(text) for text in texts if text} - {None}
        own = {ref.digest} if ref else set[Digest]()
        found = {digest for digest in named if digest is not None}
        return own | found | {artifact.digest for artifact in self.artifacts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One swarm: its record, tasks in the order of the plan, whole log, what it was told.

    `commands` are the ids of the commands that made it what it is. Of a swarm that has lost
    records, `tasks` are those that are left, and `loose` the steps that are left of the others,
    where the store can tell whose they are.
    """

    swarm: Swarm
    tasks: tuple[TaskImage, ...]
    events: tuple[Event, ...]
    told: tuple[Told, ...] = ()
    commands: tuple[str, ...] = ()
    loose: tuple[Step, ...] = ()

    @property
    def contents(self) -> set[Digest]:
        """The contents that it refers to."""
        charter = self.swarm.request.charter
        own = {Digest(charter)} if charter else set[Digest]()
        return own.union(*(task.contents for task in self.tasks))


def renamed(image: Image, swarm: SwarmId) -> Image:
    """Give the image of the same swarm under another id; a queue of its own is renamed with it."""
    return replace(
        image,
        swarm=replace(image.swarm, id=swarm),
        tasks=tuple(_task_as(task, swarm) for task in image.tasks),
        events=tuple(replace(event, swarm=swarm) for event in image.events),
        told=tuple(replace(told, swarm=swarm) for told in image.told),
        loose=(),
    )


def _task_as(image: TaskImage, swarm: SwarmId) -> TaskImage:
    ref, spec = TaskRef(swarm=swarm, key=image.key), image.task.spec
    queue = spec.queue.replace(image.task.ref.swarm, swarm)
    spec = replace(spec, queue=queue) if queue != spec.queue else spec
    return replace(
        image,
        task=replace(image.task, ref=ref, spec=spec),
        steps=tuple(replace(step, ref=ref) for step in image.steps),
    )
