"""The worker: it claims what it can run, works side by side, settles, and stops cleanly."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import cast

import pytest
from tests.hive.desk import bench, call, worker
from typing_extensions import override

from skep.agent.attempt import attempt
from skep.agent.failures import PermanentError
from skep.agent.function import Roster, TaskContext
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.hive.worker import Witness, Worker
from skep.records.errors import SwarmNotCompleted
from skep.records.event import Cursor
from skep.records.ids import WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Outcome, Settlement, SettleVerdict, Succeeded
from skep.records.step import Effect
from skep.records.swarm import SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock


async def statuses(swarm: SwarmHandle) -> dict[str, TaskStatus]:
    """The status of each task."""
    return {task.ref.key: task.status for task in await swarm.tasks()}


async def kinds(swarm: SwarmHandle) -> list[str]:
    """The kinds of all events so far."""
    return [event.kind async for event in swarm.events(follow=False)]


async def test_a_dag_runs_in_the_order_of_its_edges_and_hands_results_on(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Dependents read what their dependencies returned, and the last result is the swarm's."""

    @roster.agent("double")
    async def double(task: TaskContext, n: int) -> int:
        return 2 * n

    @roster.agent("total")
    async def total(task: TaskContext) -> object:
        return sum(cast("int", finding.value) for finding in task.findings.values())

    swarm = await fleet.submit(
        "Add up",
        [call("a", "double", given={"n": 1}), call("b", "double", given={"n": 2}),
         call("sum", "total", "a", "b")],
    )  # fmt: skip
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        while (await swarm.state()).status is SwarmStatus.ACTIVE:
            await working.tick(patience_s=0)
            await working.idle()

    assert await swarm.result() == 6


async def test_agents_work_side_by_side_up_to_the_slots(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """With three slots, three tasks that wait for each other's company all meet."""
    company = asyncio.Barrier(3)

    @roster.agent("meet")
    async def meet(task: TaskContext) -> None:
        await company.wait()

    swarm = await fleet.submit("Meet", [call(f"m{i}", "meet") for i in range(3)])
    async with worker(bench(store, clock, chance, roster=roster), roster, slots=3) as working:
        begun = await working.tick(patience_s=0)
        await working.idle()

    assert begun == 3
    assert (await swarm.state()).status is SwarmStatus.COMPLETED


async def test_a_worker_takes_no_more_than_its_slots(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Two slots begin two of three ready tasks; the third waits for a slot."""
    gate = asyncio.Event()

    @roster.agent("wait")
    async def wait(task: TaskContext) -> None:
        await gate.wait()

    await fleet.submit("Wait", [call(f"m{i}", "wait") for i in range(3)])
    async with worker(bench(store, clock, chance, roster=roster), roster, slots=2) as working:
        first = await working.tick(patience_s=0)
        running = working.running
        gate.set()
        await working.idle()
        second = await working.tick(patience_s=0)
        await working.idle()

    assert (first, running, second) == (2, 2, 1)


async def test_a_failing_task_is_tried_again_and_then_fails_with_its_reason(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """A transient error rests and comes back, as often as the policy allows, and no more."""

    @roster.agent("broken")
    async def broken(task: TaskContext) -> None:
        raise OSError("the line is dead")

    swarm = await fleet.submit("Break", [call("b", "broken")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        while (await swarm.state()).status is SwarmStatus.ACTIVE:
            await store.leases.sweep()
            await working.tick(patience_s=0)
            await working.idle()

    (task,) = await swarm.tasks()
    assert (task.status, task.attempt, task.failures) == (TaskStatus.FAILED, 4, 4)
    assert task.reason == "the line is dead"
    assert (await kinds(swarm)).count("task.retried") == 3
    with pytest.raises(SwarmNotCompleted, match="the line is dead"):
        await swarm.result()


async def test_a_permanent_error_is_not_tried_again(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """An agent that says trying again would not help is believed."""

    @roster.agent("refuse")
    async def refuse(task: TaskContext) -> None:
        raise PermanentError("no such account")

    swarm = await fleet.submit("Refuse", [call("r", "refuse")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    (task,) = await swarm.tasks()
    assert (task.status, task.attempt) == (TaskStatus.FAILED, 1)


async def test_leaving_a_worker_hands_back_what_runs(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """A worker that stops gives its task back at once, and that counts as no failure."""
    started = asyncio.Event()

    @roster.agent("endless")
    async def endless(task: TaskContext) -> None:
        started.set()
        await asyncio.Event().wait()

    swarm = await fleet.submit("Wait", [call("e", "endless")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await started.wait()

    (task,) = await swarm.tasks()
    assert (task.status, task.failures) == (TaskStatus.READY, 0)
    assert "task.handed_back" in await kinds(swarm)


async def test_a_task_begun_and_stopped_in_the_same_turn_is_handed_back_too(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Even an attempt that had no time to start goes back to the queue."""

    @roster.agent("endless")
    async def endless(task: TaskContext) -> None:
        await asyncio.Event().wait()

    swarm = await fleet.submit("Wait", [call("e", "endless")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)

    assert await statuses(swarm) == {"e": TaskStatus.READY}


async def test_a_worker_started_again_takes_its_work_back(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Under the same identity what an earlier life held is free at once, without its lease."""

    @roster.agent("quick")
    async def quick(task: TaskContext) -> str:
        return "done"

    swarm = await fleet.submit("Go on", [call("q", "quick")])
    desk = bench(store, clock, chance, roster=roster)
    lost = Offer(worker=WorkerId("w"), capabilities=roster.capabilities)
    (grant,) = await store.work.claim(lost, limit=1)

    async with worker(desk, roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    late = Settlement(token=grant.token, outcome=Succeeded(value="late"))
    assert await statuses(swarm) == {"q": TaskStatus.SUCCEEDED}
    assert await store.work.settle([late]) == [SettleVerdict.FENCED]


async def test_a_cancelled_swarm_stops_its_running_attempts_at_the_next_beat(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """After a cancel the heartbeat finds the lease lost and the attempt is dropped."""
    started, stopped = asyncio.Event(), asyncio.Event()

    @roster.agent("endless")
    async def endless(task: TaskContext) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    swarm = await fleet.submit("Wait", [call("e", "endless")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await started.wait()
        await swarm.cancel("enough")
        await working.heartbeat.tick()
        await stopped.wait()
        await working.idle()

    assert await statuses(swarm) == {"e": TaskStatus.CANCELLED}


async def test_a_paused_swarm_gets_its_running_tasks_back_and_goes_on_after_resume(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Pause hands back within a beat; resume grants the same task again."""
    rounds, started = 0, asyncio.Event()

    @roster.agent("slow")
    async def slow(task: TaskContext) -> int:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            started.set()
            await asyncio.Event().wait()
        return rounds

    swarm = await fleet.submit("Wait", [call("s", "slow")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await started.wait()
        await swarm.pause()
        await working.heartbeat.tick()
        await working.idle()
        paused = await working.tick(patience_s=0)
        await swarm.resume()
        await working.tick(patience_s=0)
        await working.idle()

    assert paused == 0
    assert await swarm.result() == 2


async def test_the_timeout_of_a_task_ends_its_attempt(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """An attempt that takes longer than its time is stopped, lost at the sweep, and tried again."""

    @roster.agent("stuck")
    async def stuck(task: TaskContext) -> int:
        if task.attempt == 1:
            await asyncio.Event().wait()
        return task.attempt

    swarm = await fleet.submit("Hurry", [replace(call("s", "stuck"), timeout_s=0.02)])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()
        clock.advance(1)
        await store.leases.sweep()
        await working.tick(patience_s=0)
        await working.idle()

    assert await swarm.result() == 2
    page = await store.log.read(Cursor(incarnation="", swarm=swarm.id))
    lost = [event.data["reason"] for event in page.events if event.kind == "task.lost"]
    assert lost == ["its time-out was over"]


async def test_an_outcome_that_is_being_stored_when_its_task_is_wanted_back_is_stored(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """A pause that meets an attempt at its end takes nothing from it, nor from those after it."""

    @roster.agent("pausing")
    async def pausing(task: TaskContext) -> str:
        await swarm.pause()
        await working.heartbeat.tick()
        return "done"

    @roster.agent("quick")
    async def quick(task: TaskContext) -> str:
        return "done too"

    swarm = await fleet.submit("Pause", [call("p", "pausing"), call("q", "quick", "p")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()
        await swarm.resume()
        await working.tick(patience_s=0)
        await working.idle()

    assert await swarm.result() == "done too"
    assert (await kinds(swarm)).count("task.handed_back") == 0


async def test_an_outcome_that_no_store_can_keep_fails_its_task_and_no_other(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """What ends in the same turn of the loop as a task with a bad outcome is stored as it is."""
    together = asyncio.Barrier(2)

    @roster.agent("bad")
    async def bad(task: TaskContext) -> None:
        task.leave("half \ud800", "content", media_type="half \ud800")
        await together.wait()

    @roster.agent("good")
    async def good(task: TaskContext) -> str:
        await together.wait()
        return "good"

    swarm = await fleet.submit("Mix", [call("b", "bad"), call("g", "good")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    assert await statuses(swarm) == {"b": TaskStatus.FAILED, "g": TaskStatus.SUCCEEDED}


async def test_an_outcome_that_came_too_late_is_told_as_lost(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """Who watches a worker is never told of a success that the store has refused."""
    told: list[Outcome | None] = []

    class Listening(Witness):
        @override
        def ended(self, grant: Grant, outcome: Outcome | None) -> None:
            told.append(outcome)

    @roster.agent("slow")
    async def slow(task: TaskContext) -> str:
        clock.advance(60)
        await store.leases.sweep()
        return "too late"

    await fleet.submit("Sleep", [call("s", "slow")])
    made = partial(attempt, bench=bench(store, clock, chance, roster=roster))
    offer = Offer(worker=WorkerId("w"), capabilities=roster.capabilities)
    async with Worker(
        store, clock, offer=offer, slots=1, attempt=made, witness=Listening()
    ) as working:
        await working.tick(patience_s=0)
        await working.idle()

    assert told == [None]


async def test_a_call_to_be_made_once_that_was_cut_off_blocks_its_task(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """After the death of a worker in the midst of a payment the task waits for a person."""
    calls: list[int] = []

    @roster.agent("pay")
    async def pay(task: TaskContext) -> None:
        async def paid() -> None:
            calls.append(task.attempt)
            clock.advance(60)
            await store.leases.sweep()

        await task.step("pay", paid, effect=Effect.ONCE)

    swarm = await fleet.submit("Pay", [call("p", "pay")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        for _ in range(3):
            await working.tick(patience_s=0)
            await working.idle()

    (task,) = await swarm.tasks()
    assert (task.status, calls) == (TaskStatus.BLOCKED, [1])
    assert "may have been carried out" in task.reason


async def test_what_was_spawned_before_a_death_is_not_spawned_again(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, fleet: Fleet, roster: Roster
) -> None:
    """The next attempt asks for the same tasks under the same command."""

    @roster.agent("spread")
    async def spread(task: TaskContext) -> int:
        await task.spawn([call("part", "part")])
        if task.attempt == 1:
            raise OSError("the line is dead")
        return task.attempt

    @roster.agent("part")
    async def part(task: TaskContext) -> None: ...

    swarm = await fleet.submit("Spread", [call("s", "spread")])
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        for _ in range(4):
            await store.leases.sweep()
            await working.tick(patience_s=0)
            await working.idle()

    assert await statuses(swarm) == {"s": TaskStatus.SUCCEEDED, "part": TaskStatus.SUCCEEDED}
