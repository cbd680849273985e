"""An image from outside is believed in nothing: whatever could not be a swarm is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from skep.policy.soundness import check_image
from skep.records.capture_errors import CaptureUnusable
from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey
from skep.records.image import Image, TaskImage
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.swarm import SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import claim_one, submit, succeed, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.memory import MemoryHarness
from skep.testing.samples import intent, record, task

S = SwarmId("s")
Change = Callable[[Image], Image]


@pytest.fixture
async def image() -> Image:
    """The image of a swarm half done."""
    store = await MemoryHarness().open(clock=ManualClock(), chance=SeededChance(1))
    await submit(store, "s", task("a"), task("b", "a"))
    grant = await claim_one(store)
    await write(store, intent(grant.token))
    await write(store, record(grant.token))
    await succeed(store, grant, value=1)
    return await store.states.image(S)


def first(image: Image, change: Callable[[TaskImage], TaskImage]) -> Image:
    """Change the first task of an image."""
    return replace(image, tasks=(change(image.tasks[0]), *image.tasks[1:]))


def as_task(**fields: object) -> Change:
    """Change fields of the first task's row."""
    return lambda image: first(image, lambda a: replace(a, task=replace(a.task, **fields)))


def as_swarm(**fields: object) -> Change:
    """Change fields of the swarm."""
    return lambda image: replace(image, swarm=replace(image.swarm, **fields))


def stranger(image: Image) -> Image:
    """Let the second task wait for one that is not there."""
    b = replace(image.tasks[1], ups=(TaskKey("a"), TaskKey("ghost")))
    return replace(image, tasks=(image.tasks[0], b))


def circle(image: Image) -> Image:
    """Let the first task wait for the second."""
    return first(image, lambda a: replace(a, ups=(TaskKey("b"),)))


def later_log(image: Image) -> Image:
    """Leave the first event out."""
    return replace(image, events=image.events[1:])


def strange_log(image: Image) -> Image:
    """Tell of something that does not happen."""
    odd = Event(swarm=S, seq=image.swarm.last_seq, kind="swarm.danced", at=0.0)
    return replace(image, events=(*image.events[:-1], odd))


def fewer_tasks(image: Image) -> Image:
    """Leave a task out that the log tells of."""
    return replace(image, tasks=image.tasks[:1])


def double_step(image: Image) -> Image:
    """Have one step twice."""
    return first(image, lambda a: replace(a, steps=a.steps * 2))


def empty_step(image: Image) -> Image:
    """Take the value from a recorded step."""
    return first(image, lambda a: replace(a, steps=(replace(a.steps[0], value=None),)))


SPOILT: tuple[Change, ...] = (
    stranger,
    circle,
    later_log,
    strange_log,
    fewer_tasks,
    double_step,
    empty_step,
    as_task(outcome=None),
    as_task(outcome='"' + "x" * VALUE_BYTES_MAX + '"'),
    as_task(status=TaskStatus.READY),
    as_task(status=TaskStatus.SLEEPING, outcome=None, ended_at=None),
    as_task(run=99),
    as_task(attempt=-1),
    as_task(reason="a\0b"),
    as_swarm(id=SwarmId("../s")),
    as_swarm(status=SwarmStatus.INITIALIZING),
    as_swarm(status=SwarmStatus.COMPLETED, ended_at=1.0),
    as_swarm(ended_at=1.0),
    as_swarm(last_seq=1),
)


def test_an_image_of_a_store_is_sound(image: Image) -> None:
    """What a store gives is taken."""
    check_image(image)


@pytest.mark.parametrize("change", SPOILT)
def test_an_image_that_is_no_swarm_is_refused(image: Image, change: Change) -> None:
    """Each way in which an image cannot be a swarm has a typed refusal."""
    with pytest.raises(CaptureUnusable):
        check_image(change(image))
