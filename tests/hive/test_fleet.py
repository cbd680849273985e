"""The fleet's front: submitting, following, steering and reporting."""

import asyncio

import pytest
from tests.hive.desk import bench, call, worker

from skep.agent.function import Roster, TaskContext
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.records.errors import (
    CommandConflict,
    CycleInPlan,
    InvalidInput,
    SwarmClosed,
    SwarmNotFound,
)
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.swarm import Plan, SwarmStatus
from skep.records.values import blob_ref
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock


async def test_submitting_the_same_swarm_twice_gives_the_first_one(fleet: Fleet) -> None:
    """A swarm id makes a submit safe to repeat; another body under it is a conflict."""
    first = await fleet.submit("Do it", [call("a", "x")], swarm="s-1")
    second = await fleet.submit("Do it", [call("a", "x")], swarm="s-1")

    assert first.id == second.id
    assert len(await fleet.swarms()) == 1
    with pytest.raises(CommandConflict):
        await fleet.submit("Do something else", [call("a", "x")], swarm="s-1")


async def test_no_swarm_takes_the_name_of_a_key_of_the_fleet(fleet: Fleet) -> None:
    """On Redis a swarm called leader would lie on the election."""
    with pytest.raises(InvalidInput, match="leader"):
        await fleet.submit("Lead", [call("a", "x")], swarm="leader")

    assert await fleet.swarms() == []


async def test_a_refused_plan_leaves_no_swarm(fleet: Fleet) -> None:
    """A cycle is named and nothing is stored."""
    with pytest.raises(CycleInPlan, match="a -> b -> a"):
        await fleet.submit("Go round", [call("a", "x", "b"), call("b", "x", "a")])

    assert await fleet.swarms() == []


async def test_an_input_too_large_for_its_record_reaches_the_agent_whole(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """A large input and a large result travel by blob, and nobody who reads them notices."""
    text = "bee " * VALUE_BYTES_MAX

    @roster.agent("echo")
    async def echo(task: TaskContext, words: str) -> str:
        return words

    swarm = await fleet.submit("Echo", [call("e", "echo", given=text)])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    (task,) = await swarm.tasks()
    assert blob_ref(task.spec.input) is not None
    assert await swarm.result() == text


async def test_following_ends_when_the_swarm_has_ended(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """A follower is woken by each commit and returns after the last event, all seen once."""

    @roster.agent("quick")
    async def quick(task: TaskContext) -> None:
        await task.progress("here", fraction=2.0)

    swarm = await fleet.submit("Go", [call("q", "quick")])

    async def follow() -> list[tuple[int, str]]:
        return [(event.seq, event.kind) async for event in swarm.events()]

    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        seen, _ = await asyncio.gather(follow(), working.tick(patience_s=0))
        await working.idle()

    assert seen == [
        (1, "swarm.submitted"),
        (2, "task.released"),
        (3, "task.claimed"),
        (4, "task.progressed"),
        (5, "task.succeeded"),
        (6, "swarm.completed"),
    ]


async def test_a_retry_opens_the_next_run_of_what_failed(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """After a retry the failed task and what followed it run again, and the swarm completes."""
    broken = True

    @roster.agent("sometimes")
    async def sometimes(task: TaskContext) -> str:
        if broken:
            raise LookupError("not yet")
        return "now"

    @roster.agent("join")
    async def join(task: TaskContext) -> list[object]:
        return [finding.value for finding in task.findings.values()]

    once = call("s", "sometimes")
    swarm = await fleet.submit("Try", [once, call("j", "join", "s")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        while (await swarm.state()).status is SwarmStatus.ACTIVE:
            await store.leases.sweep()
            await working.tick(patience_s=0)
            await working.idle()
        failed = (await swarm.state()).status
        broken = False
        await swarm.retry()
        while (await swarm.state()).status is SwarmStatus.ACTIVE:
            await working.tick(patience_s=0)
            await working.idle()

    assert failed is SwarmStatus.FAILED
    assert await swarm.result() == ["now"]
    assert [task.run for task in await swarm.tasks()] == [2, 2]


async def test_the_report_names_every_task_and_what_it_left(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """A report of function agents has their result and the table of its sources."""

    @roster.agent("write")
    async def write(task: TaskContext) -> dict[str, str]:
        task.leave("notes.txt", "bees | and pipes")
        return {"text": "# Bees\n\nThey hum."}

    swarm = await fleet.submit("Write", [call("w", "write")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    report = await swarm.report()
    assert report.startswith("# Bees\n\nThey hum.\n\n## Sources\n")
    assert "| w | write | succeeded | none | `notes.txt` (" in report


async def test_an_open_plan_takes_tasks_until_it_is_sealed(fleet: Fleet) -> None:
    """Adding under one command adds once; after the seal nothing more is taken."""
    swarm = await fleet.submit("Stand by", Plan(tasks=(), sealed=False))

    await swarm.add([call("a", "x")], command="first")
    await swarm.add([call("a", "x")], command="first")
    await swarm.seal()

    assert [task.ref.key for task in await swarm.tasks()] == ["a"]
    with pytest.raises(SwarmClosed):
        await swarm.add([call("b", "x")], command="second")


async def test_a_swarm_that_nobody_knows_is_not_found(fleet: Fleet) -> None:
    """Asking about a swarm that does not exist says so."""
    with pytest.raises(SwarmNotFound, match="no swarm 'nobody'"):
        await fleet.swarm("nobody").state()
