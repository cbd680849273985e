"""The rig's plans in the words of Skep."""

from typing import Final

from tests.chaos.sums import Part, parts_of

from skep.records.ids import TaskKey
from skep.records.task import AgentKind, RetryPolicy, TaskSpec
from skep.records.values import Json

PATIENT: Final = RetryPolicy(attempts_max=100, base_s=0.1, cap_s=0.5)


def plan_of(shape: str, n: int) -> list[TaskSpec]:
    """The plan of a shape and a number."""
    return [spec_of(part) for part in parts_of(shape, n)]


def spec_of(part: Part) -> TaskSpec:
    """One task of it."""
    given: dict[str, Json] = {"n": part.n, "steps": part.steps, "size": part.size}
    if part.kids:
        given["kids"] = part.kids
    return TaskSpec(
        key=TaskKey(part.key),
        agent=part.agent,
        kind=AgentKind.FUNCTION,
        input=given,
        after=tuple(TaskKey(key) for key in part.after),
        delay_s=part.delay_s,
        retry=PATIENT,
    )
