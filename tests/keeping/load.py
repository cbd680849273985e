"""Work for the processes that go on while a store is backed up: squares, and their sum."""

from typing import Final

from skep.records.ids import TaskKey
from skep.records.task import AgentKind, RetryPolicy, TaskSpec

AGENTS: Final = '''
"""Agents that take a moment for each of a few steps."""

import asyncio
import random

import skep


@skep.agent("square")
async def square(task, n):
    async def call(n):
        await asyncio.sleep(random.uniform(0, 0.05))
        return n * n

    squares = [
        await task.step("ask", call, n + i, key=str(i), effect=skep.Effect.PURE) for i in range(3)
    ]
    return sum(squares)


@skep.agent("total")
async def total(task):
    return sum(finding.value for finding in task.findings.values())
'''

WIDTH: Final = 5
PATIENT: Final = RetryPolicy(attempts_max=100, base_s=0.0)


def plan_of(n: int) -> list[TaskSpec]:
    """Some squares, and their sum."""
    squares = [
        TaskSpec(
            key=TaskKey(f"s{i}"),
            agent="square",
            kind=AgentKind.FUNCTION,
            input={"n": n + 10 * i},
            retry=PATIENT,
        )
        for i in range(WIDTH)
    ]
    after = tuple(task.key for task in squares)
    join = TaskSpec(
        key=TaskKey("sum"), agent="total", kind=AgentKind.FUNCTION, after=after, retry=PATIENT
    )
    return [*squares, join]


def expected(n: int) -> int:
    """What the plan of `n` must come to, computed without Skep."""
    return sum((n + 10 * i + j) ** 2 for i in range(WIDTH) for j in range(3))
