"""Work for real processes: numbers doubled in two steps each, and their sum."""

from typing import Final

from skep.records.ids import TaskKey
from skep.records.task import AgentKind, RetryPolicy, TaskSpec

AGENTS: Final = '''
"""Function agents that take a moment, in two steps."""

import asyncio

import skep


@skep.agent("double")
async def double(task, n):
    async def call(n):
        await asyncio.sleep(0.02)
        return n

    return sum([await task.step("half", call, n, key=str(i)) for i in range(2)])


@skep.agent("total")
async def total(task):
    return sum(finding.value for finding in task.findings.values())
'''

WIDTH: Final = 4
PATIENT: Final = RetryPolicy(attempts_max=100, base_s=0.0)


def plan_of(n: int) -> list[TaskSpec]:
    """Some numbers doubled, and their sum."""
    doubles = [
        TaskSpec(
            key=TaskKey(f"d{i}"),
            agent="double",
            kind=AgentKind.FUNCTION,
            input={"n": n + i},
            retry=PATIENT,
        )
        for i in range(WIDTH)
    ]
    after = tuple(task.key for task in doubles)
    total = TaskSpec(
        key=TaskKey("total"), agent="total", kind=AgentKind.FUNCTION, after=after, retry=PATIENT
    )
    return [*doubles, total]


def expected(n: int) -> int:
    """What the plan of `n` must come to, computed without Skep."""
    return sum(2 * (n + i) for i in range(WIDTH))
