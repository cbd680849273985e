"""Function agents that pay: a step says what it may cost, and the swarm's purse holds it."""

import pytest

import skep
from skep.agent.function import Roster, TaskContext
from skep.compose import open_hive
from skep.hive.spending import charges_of, steps_of
from skep.records.errors import SwarmNotCompleted
from skep.records.purse import NANO
from skep.records.swarm import SwarmStatus
from skep.records.task import RetryPolicy


@pytest.fixture
def roster() -> Roster:
    """One agent that pays for as many calls as it is told, some of which fail."""
    roster, made = Roster(), list[str]()

    @roster.agent("pays")
    async def pays(task: TaskContext, calls: int, dollars: float, fails: int = 0) -> int:
        async def ask(n: int) -> int:
            made.append(f"{n}")
            if n < fails and task.attempt == 1:
                raise ConnectionResetError
            return n

        for n in range(calls):
            await task.step("ask", ask, n, key=f"{n}", max_usd=dollars)
        return len(made)

    return roster


async def test_what_a_step_may_cost_is_spent(roster: Roster) -> None:
    """Two calls at ten cents are twenty cents and two requests, under the steps' names."""
    async with open_hive("memory:", roster=roster) as hive:
        plan = [_task(calls=2, dollars=0.1)]
        swarm = await hive.submit("Pay", plan, budget_usd=1.0)
        assert await swarm.result() == 2
        purse = (await swarm.state()).purse
        charges = charges_of(await steps_of(hive.store, swarm.id))

    assert (purse.spent.nano_usd, purse.spent.requests, purse.open) == (NANO // 5, 2, 0)
    assert [charge.model for charge in charges] == ["step/ask:0", "step/ask:1"]


async def test_a_call_that_raises_counts_too(roster: Roster) -> None:
    """Nobody knows whether it was charged for, so it was; the second try pays again."""
    async with open_hive("memory:", roster=roster) as hive:
        swarm = await hive.submit("Pay", [_task(calls=1, dollars=0.1, fails=1)], budget_usd=1.0)
        assert await swarm.result() == 2
        purse = (await swarm.state()).purse

    assert (purse.spent.nano_usd, purse.spent.requests) == (NANO // 5, 2)


async def test_what_does_not_fit_is_not_called(roster: Roster) -> None:
    """The purse pauses the swarm before the call, and goes on once it was raised."""
    async with open_hive("memory:", roster=roster) as hive:
        swarm = await hive.submit("Pay", [_task(calls=3, dollars=0.4)], budget_usd=1.0)
        with pytest.raises(SwarmNotCompleted, match="is paused"):
            await swarm.result()
        assert (await swarm.state()).status is SwarmStatus.PAUSED

        await swarm.raise_budget(budget_usd=2.0)

        assert await swarm.result() == 3
        assert (await swarm.state()).purse.spent.nano_usd == NANO * 12 // 10


async def test_a_sum_that_is_none_is_refused(roster: Roster) -> None:
    """Less than nothing, and without end."""
    async with open_hive("memory:", roster=roster) as hive:
        swarm = await hive.submit("Pay", [_task(calls=1, dollars=-0.1)], budget_usd=1.0)
        with pytest.raises(SwarmNotCompleted, match="no sum"):
            await swarm.result()


def _task(**given: float) -> skep.TaskSpec:
    return skep.TaskSpec(
        key=skep.TaskKey("t"),
        agent="pays",
        kind=skep.AgentKind.FUNCTION,
        input=dict(given),
        retry=RetryPolicy(base_s=0.0),
    )
