"""Function agents: input, steps, progress, artefacts and spawns of a user's own code."""

from collections.abc import AsyncIterator

import pytest
from tests.hive.desk import AT_ONCE, call

import skep
from skep.agent.function import Roster, TaskContext
from skep.compose import open_hive
from skep.hive.fleet import Fleet
from skep.records.errors import InvalidInput, SwarmNotCompleted
from skep.records.task import TaskStatus


@pytest.fixture
def roster() -> Roster:
    """The agents of one test."""
    roster = Roster()

    @roster.agent("echo")
    async def echo(task: TaskContext, words: str = "nothing") -> str:
        return words

    @roster.agent("collect")
    async def collect(task: TaskContext) -> dict[str, object]:
        return {key: finding.value for key, finding in task.findings.items()}

    @roster.agent("spread")
    async def spread(task: TaskContext, parts: list[str]) -> str:
        await task.spawn([call(f"part.{part}", "echo", given=part) for part in parts])
        return "spread"

    @roster.agent("twice")
    async def twice(task: TaskContext) -> list[int]:
        async def one() -> int:
            return 1

        first = await task.step("one", one)
        return [first, await task.step("one", one)]

    @roster.agent("keyed")
    async def keyed(task: TaskContext) -> list[int]:
        async def plus(n: int) -> int:
            return n + 1

        return [await task.step("plus", plus, n, key=str(n)) for n in (1, 2)]

    return roster


@pytest.fixture
async def hive(roster: Roster) -> AsyncIterator[Fleet]:
    """A whole hive in memory, working."""
    async with open_hive("memory:", roster=roster) as hive:
        yield hive


@pytest.mark.parametrize(
    ("given", "result"), [(None, "nothing"), ("words", "words"), ({"words": "named"}, "named")]
)
async def test_a_tasks_input_becomes_the_functions_arguments(
    hive: Fleet, given: object, result: str
) -> None:
    """Nothing for null, one argument for a value, named ones for an object."""
    swarm = await hive.submit("Echo", [call("e", "echo", given=given)])  # type: ignore[arg-type]

    assert await swarm.result() == result


async def test_an_input_that_does_not_fit_fails_at_once_and_says_why(hive: Fleet) -> None:
    """A wrong argument is the plan's fault, and trying again would not help."""
    swarm = await hive.submit("Echo", [call("e", "echo", given={"wrods": "x"})])

    with pytest.raises(SwarmNotCompleted, match="wrods"):
        await swarm.result()
    assert [task.attempt for task in await swarm.tasks()] == [1]


async def test_what_waits_for_a_spawner_waits_for_what_it_spawned(hive: Fleet) -> None:
    """Tasks spawned by a running task are joined by its dependents, who read their results."""
    swarm = await hive.submit(
        "Spread",
        [call("s", "spread", given={"parts": ["a", "b"]}), call("join", "collect", "s")],
    )

    assert await swarm.result() == {"s": "spread", "part.a": "a", "part.b": "b"}


async def test_a_step_name_used_twice_needs_a_key(hive: Fleet) -> None:
    """Without a key of its own the second step is refused; with one it is another step."""
    refused = await hive.submit("Twice", [call("t", "twice", retry=AT_ONCE)])
    keyed = await hive.submit("Keyed", [call("k", "keyed")])

    assert await keyed.result() == [2, 3]
    with pytest.raises(SwarmNotCompleted, match="key="):
        await refused.result()


async def test_a_task_whose_agent_no_worker_has_waits(hive: Fleet) -> None:
    """A worker never takes a task of a function it has not imported."""
    swarm = await hive.submit("Wait", [call("w", "elsewhere")])
    other = await hive.submit("Echo", [call("e", "echo")])

    await other.result()
    assert [task.status for task in await swarm.tasks()] == [TaskStatus.READY]


def test_an_agent_must_be_async_and_its_name_its_own() -> None:
    """A plain function, and a second function under one name, are refused when decorated."""
    roster = Roster()

    async def one(task: TaskContext) -> None: ...

    async def other(task: TaskContext) -> None: ...

    roster.agent("one")(one)
    with pytest.raises(InvalidInput, match="two agents"):
        roster.agent("one")(other)
    with pytest.raises(InvalidInput, match="async"):
        roster.agent("plain")(lambda task: None)  # type: ignore[arg-type,return-value]


def test_the_public_names_are_there_and_documented() -> None:
    """Everything in `skep.__all__` exists and says what it is."""
    assert [name for name in skep.__all__ if not getattr(skep, name).__doc__] == []
