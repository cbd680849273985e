"""Whether an image can be a swarm: what comes from a file is believed in nothing.

A store checks what it is asked, request by request. An image comes as the outcome of all of them,
so everything that the requests would have been refused for is looked for here, before any of it is
stored.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from skep.policy.plans import check_plan, check_request
from skep.policy.recovery import created
from skep.records.capture_errors import CaptureUnusable
from skep.records.errors import SkepError
from skep.records.event import EVENT_KINDS
from skep.records.ids import TaskKey, is_name
from skep.records.image import Image, TaskImage
from skep.records.limits import (
    NAME_CHARS_MAX,
    RUN_STEPS_MAX,
    STEP_KEY_CHARS_MAX,
    TOLD_MAX,
    VALUE_BYTES_MAX,
)
from skep.records.step import Step, StepState
from skep.records.swarm import ENDED, Plan, SwarmStatus
from skep.records.task import TERMINAL, TaskStatus
from skep.records.values import is_storable

HINT: Final = "Export the swarm again."
RUNS_MAX: Final = 20
"""Runs of one task that an image may have steps of."""


def check_image(image: Image) -> None:
    """Refuse an image that is no swarm. Raises `CaptureUnusable`."""
    _check_plan(image)
    _check_log(image)
    _check_swarm(image)
    for task in image.tasks:
        _check_task(image, task)


def _check_plan(image: Image) -> None:
    keys = [task.key for task in image.tasks]
    _hold(keys == created(image.events), "its tasks are not those that its log tells of")
    specs = tuple(task.task.spec for task in image.tasks)
    _hold([spec.key for spec in specs] == keys, "a task does another's work")
    try:
        check_request(image.swarm.request)
        check_plan(Plan(tasks=specs, sealed=image.swarm.sealed))
    except SkepError as refusal:
        raise CaptureUnusable(f"The image is no swarm: {refusal.message}", hint=HINT) from refusal
    known = set(keys)
    for task in image.tasks:
        is_known = set(task.task.spec.after) <= set(task.ups) <= known - {task.key}
        _hold(
            is_known and len(set(task.ups)) == len(task.ups), "a task waits for what is not there"
        )
    _hold(_has_no_cycle({task.key: task.ups for task in image.tasks}), "tasks wait for each other")


def _has_no_cycle(ups: dict[TaskKey, tuple[TaskKey, ...]]) -> bool:
    left, downs = {key: len(each) for key, each in ups.items()}, dict[TaskKey, list[TaskKey]]()
    for key, each in ups.items():
        for up in each:
            downs.setdefault(up, []).append(key)
    free, reached = [key for key, number in left.items() if not number], 0
    while free:
        reached += 1
        for down in downs.get(free.pop(), ()):
            left[down] -= 1
            if not left[down]:
                free.append(down)
    return reached == len(ups)


def _check_log(image: Image) -> None:
    seqs = [event.seq for event in image.events]
    _hold(seqs == list(range(1, len(seqs) + 1)), "its log has gaps")
    _hold(image.swarm.last_seq == len(seqs), "its log ends elsewhere")
    _hold(
        all(event.kind in EVENT_KINDS for event in image.events), "its log tells of strange things"
    )
    own = {image.swarm.id}
    _hold({event.swarm for event in image.events} <= own, "its log is another swarm's")
    numbers = [told.number for told in image.told]
    _hold(numbers == list(range(1, len(numbers) + 1)), "it was told things out of order")
    _hold(len(numbers) <= TOLD_MAX, "it was told too much")
    _hold(_is_text(told.text for told in image.told), "it was told what no store can keep")


def _check_swarm(image: Image) -> None:
    swarm = image.swarm
    _hold(is_name(swarm.id) and len(swarm.id) <= NAME_CHARS_MAX, "its id is none")
    _hold(swarm.status is not SwarmStatus.INITIALIZING, "it is not whole yet")
    _hold((swarm.ended_at is not None) == (swarm.status in ENDED), "it has ended at no time")
    live = [task for task in image.tasks if task.task.status not in TERMINAL]
    _hold(not (live and swarm.status in ENDED), "it has ended, and its tasks have not")
    _hold(_is_text([swarm.reason, swarm.request.objective]), "it holds what no store can keep")


def _check_task(image: Image, task: TaskImage) -> None:
    row = task.task
    is_done = row.status is TaskStatus.SUCCEEDED
    _hold(row.ref.swarm == image.swarm.id, f"task {task.key} is of another swarm")
    _hold((row.outcome is not None) == is_done, f"task {task.key} has no outcome, or one too many")
    _hold(len((row.outcome or "").encode()) <= VALUE_BYTES_MAX, f"task {task.key} came to too much")
    _hold(min(row.run, row.attempt + 1, row.failures + 1) >= 1, f"task {task.key} counts wrongly")
    _hold(
        (row.ended_at is not None) == (row.status in TERMINAL), f"task {task.key} ends at no time"
    )
    is_timed = row.status is not TaskStatus.SLEEPING or row.wake_at is not None
    _hold(is_timed, f"task {task.key} sleeps for ever")
    _hold(_is_text([row.reason, row.outcome or ""]), f"task {task.key} holds what cannot be kept")
    names = [artifact.name for artifact in task.artifacts]
    _hold(len(set(names)) == len(names), f"task {task.key} left one thing behind twice")
    _check_steps(task, task.steps)


def _check_steps(task: TaskImage, steps: Sequence[Step]) -> None:
    places = {(step.run, step.key) for step in steps}
    _hold(len(places) == len(steps), f"a step of task {task.key} stands twice")
    is_bounded = len(steps) <= RUN_STEPS_MAX * RUNS_MAX and task.task.run <= RUNS_MAX
    _hold(is_bounded, f"task {task.key} has too many steps")
    for step in steps:
        is_own = step.ref == task.task.ref and 1 <= step.run <= task.task.run
        _hold(is_own, f"a step of task {task.key} is another's")
        is_recorded = (step.value is not None) == (step.state is StepState.RECORDED)
        _hold(is_recorded and step.calls >= 1, f"a step of task {task.key} has no value")
        is_small = len((step.value or "").encode("utf-8", "surrogatepass")) <= VALUE_BYTES_MAX
        _hold(
            is_small and len(step.key) <= STEP_KEY_CHARS_MAX, f"a step of {task.key} is too large"
        )
        _hold(_is_text([step.key, step.value or ""]), f"a step of {task.key} cannot be kept")


def _is_text(texts: Iterable[str]) -> bool:
    return all(is_storable(text) for text in texts)


def _hold(holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion that meets user input
    if not holds:
        raise CaptureUnusable(f"The image is no swarm: {what}.", hint=HINT)
