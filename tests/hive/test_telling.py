"""Telling a swarm from Python: function agents that ask, repeats, and the report."""

import asyncio

import pytest
from tests.hive.desk import bench, call, worker

import skep
from skep.agent.function import Roster, TaskContext
from skep.compose import open_hive
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.records.errors import CommandConflict, SwarmClosed
from skep.records.outcome import HandedBack, Settlement
from skep.testing.acts import claim_one
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock


async def test_a_message_is_told_once_under_its_command(fleet: Fleet) -> None:
    """Repeated it changes nothing; other words under the id are refused."""
    swarm = await fleet.submit("Wait", [call("a", "nobody")])

    await swarm.tell("Hurry", by="ann", command="m-1")
    await swarm.tell("Hurry", by="ann", command="m-1")

    assert [(each.number, each.text, each.by) for each in await swarm.told()] == [
        (1, "Hurry", "ann")
    ]
    with pytest.raises(CommandConflict):
        await swarm.tell("Rest", by="ann", command="m-1")
    await swarm.cancel()
    with pytest.raises(SwarmClosed):
        await swarm.tell("Too late")


async def test_a_function_agent_hears_what_it_asks_for(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Each question gives all so far, for it or for all; after a crash each gives what it gave."""
    swarm = await fleet.submit("Ask", [call("a", "asks"), call("b", "nobody")])
    seen: list[list[str]] = []

    @roster.agent("asks")
    async def asks(task: TaskContext) -> list[str]:
        first = [each.text for each in await task.told()]
        await swarm.tell(f"During {task.attempt}")
        then = [each.text for each in await task.told()]
        seen.extend([first, then])
        if task.attempt == 1:
            raise ConnectionResetError
        return then

    await swarm.tell("Before")
    await swarm.tell("Not you", task="b")
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        for _ in range(2):
            await working.tick(patience_s=0)
            await working.idle()
            clock.advance(1)
            await store.leases.sweep()

    assert seen == [["Before"], ["Before", "During 1"]] * 2
    assert [each.text for each in await swarm.told()][-1] == "During 2"


async def test_a_handed_back_task_knows_of_what_was_told_meanwhile(
    store: MemoryStore, fleet: Fleet
) -> None:
    """Its next grant counts what came while nobody held it."""
    swarm = await fleet.submit("Wait", [call("a", "x")])
    grant = await claim_one(store, capabilities=frozenset({"agent:x"}))
    await store.work.settle([Settlement(token=grant.token, outcome=HandedBack())])

    await swarm.tell("Hurry")

    again = await claim_one(store, capabilities=frozenset({"agent:x"}))
    assert (grant.told, again.told) == (0, 1)


async def test_the_report_says_what_was_told() -> None:
    """The offline model makes nothing of it, and the report says that too."""
    roster, gate = Roster(), asyncio.Event()

    @roster.agent("gate")
    async def wait(task: TaskContext) -> str:
        await gate.wait()
        return "open"

    async with open_hive("memory:", roster=roster) as hive:
        plan = [
            call("gate", "gate"),
            skep.TaskSpec(
                key=skep.TaskKey("report"), agent="synthesizer", after=(skep.TaskKey("gate"),)
            ),
        ]
        swarm = await hive.submit("Report", plan, model="offline")
        await swarm.tell("Mind | the\ntill", by="ann")
        gate.set()
        await swarm.result()
        report = await swarm.report()

    assert "## Told while it was at work\n\n1. ann to all: Mind / the till\n" in report
    assert "The offline model makes nothing of messages." in report
