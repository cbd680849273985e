"""Asking a person from a function agent: the task waits without a worker, and goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.hive.desk import bench, call, worker

from skep.agent.function import Roster, TaskContext
from skep.compose import open_hive
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.hive.worker import Worker
from skep.records.approval import ApprovalState, Verdict
from skep.records.errors import AlreadyDecided, ApprovalWithdrawn, SwarmNotCompleted
from skep.records.task import Task, TaskStatus
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock


@pytest.fixture
def roster() -> Roster:
    """Agents that ask."""
    roster = Roster()

    @roster.agent("payer")
    async def payer(task: TaskContext, cents: int) -> list[str]:
        paid = await task.approval("pay", f"Pay {cents}?", detail={"cents": cents}, expires_s=60)
        return [paid.verdict, paid.by, paid.reason, "paid" if paid else "not paid"]

    @roster.agent("broad")
    async def broad(task: TaskContext) -> bool:
        try:
            return (await task.approval("go", "Go on?")).approved
        except Exception:  # noqa: BLE001 - what users write
            return False

    @roster.agent("both")
    async def both(task: TaskContext) -> list[bool]:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(task.approval("go", f"Go {way}?", key=way))
                for way in ("left", "right")
            ]
        return [each.result().approved for each in asked]

    @roster.agent("clumsy")
    async def clumsy(task: TaskContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.approval("go", "Go on?"))
            group.create_task(stumble())

    @roster.agent("twice")
    async def twice(task: TaskContext) -> None:
        await task.approval("go", "Go on?", key="1" if task.attempt == 1 else None)

    @roster.agent("fickle")
    async def fickle(task: TaskContext) -> None:
        await task.approval("go", f"Go on, for the {task.attempt}. time?")

    return roster


async def stumble() -> None:
    """Fail as code does."""
    raise ValueError("stumbled")


@pytest.fixture
async def working(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, roster: Roster
) -> AsyncIterator[Worker]:
    """A worker of one slot, which works when it is told to."""
    async with worker(bench(store, clock, chance, roster=roster), roster, slots=1) as working:
        yield working


async def test_a_task_that_asks_holds_no_worker(working: Worker, fleet: Fleet) -> None:
    """It is blocked and says what it waits for; the one slot is free for others."""
    swarm = await fleet.submit("Pay", [call("p", "payer", given={"cents": 5})])

    assert await rounds(working) == 1

    [approval] = await swarm.approvals()
    task = await only(swarm)
    assert working.running == 0
    assert (task.status, task.awaits) == (TaskStatus.BLOCKED, (approval.id,))
    assert task.reason == "It asks: Pay 5?"
    assert (approval.question, approval.detail) == ("Pay 5?", {"cents": 5})


@pytest.mark.parametrize(("verdict", "ends"), [("approved", "paid"), ("denied", "not paid")])
async def test_the_agent_goes_on_with_the_decision(
    working: Worker, fleet: Fleet, verdict: str, ends: str
) -> None:
    """The next attempt of the same run asks again, and is told who decided what and why."""
    swarm = await fleet.submit("Pay", [call("p", "payer", given={"cents": 5})])
    await rounds(working)
    [approval] = await fleet.approvals()

    decide = swarm.approve if verdict == "approved" else swarm.deny
    decided = await decide(approval.id, by="ann", reason="so be it")
    await rounds(working)

    assert decided.state == verdict
    assert await swarm.result() == [verdict, "ann", "so be it", ends]
    task = await only(swarm)
    assert (task.run, task.attempt, task.failures) == (1, 2, 0)


async def test_without_an_answer_in_time_it_has_expired(
    working: Worker, fleet: Fleet, store: MemoryStore, clock: ManualClock
) -> None:
    """The sweep wakes the task, whose agent is told that nobody approved."""
    swarm = await fleet.submit("Pay", [call("p", "payer", given={"cents": 5})])
    await rounds(working)
    clock.advance(60)
    await store.leases.sweep()

    await rounds(working)

    assert await swarm.result() == [Verdict.EXPIRED, "", "", "not paid"]


async def test_a_broad_except_does_not_take_the_question_for_a_failure(
    working: Worker, fleet: Fleet
) -> None:
    """What ends the attempt is no `Exception`."""
    swarm = await fleet.submit("Go", [call("b", "broad")])
    await rounds(working)
    assert (await only(swarm)).status is TaskStatus.BLOCKED
    [approval] = await swarm.approvals()

    await swarm.approve(approval.id, by="ann")
    await rounds(working)

    assert await swarm.result() is True


async def test_a_task_group_asks_side_by_side(working: Worker, fleet: Fleet) -> None:
    """Both questions stand, and the result needs both decisions."""
    swarm = await fleet.submit("Go", [call("b", "both")])
    await rounds(working)
    asked = {each.question: each.id for each in await swarm.approvals()}
    assert set(asked) == {"Go left?", "Go right?"}
    assert set((await only(swarm)).awaits) == set(asked.values())

    await swarm.deny(asked["Go left?"], by="ann")
    await rounds(working)
    assert (await only(swarm)).awaits == (asked["Go right?"],)
    await swarm.approve(asked["Go right?"], by="bob")
    await rounds(working)

    assert await swarm.result() == [False, True]


async def test_a_failure_beside_a_question_is_a_failure(working: Worker, fleet: Fleet) -> None:
    """What went wrong is tried again by the retry policy; the question stands meanwhile."""
    swarm = await fleet.submit("Go", [call("c", "clumsy")])

    await rounds(working)

    task = await only(swarm)
    assert (task.status, task.failures) == (TaskStatus.SLEEPING, 1)
    assert "stumbled" in task.reason or "sub-exception" in task.reason
    assert len(await swarm.approvals()) == 1


async def test_another_question_under_the_same_name_diverges(working: Worker, fleet: Fleet) -> None:
    """A decision is never used for something else than was asked."""
    swarm = await fleet.submit("Go", [call("f", "fickle")])
    await rounds(working)
    [approval] = await swarm.approvals()
    await swarm.approve(approval.id, by="ann")

    await rounds(working)

    with pytest.raises(SwarmNotCompleted, match="asks for something else"):
        await swarm.result()


async def test_a_key_tells_questions_of_one_name_apart(working: Worker, fleet: Fleet) -> None:
    """With a key it is another question, which has no decision yet."""
    swarm = await fleet.submit("Go", [call("t", "twice")])
    await rounds(working)
    [approval] = await swarm.approvals()
    await swarm.approve(approval.id, by="ann")

    await rounds(working)

    [pending] = await swarm.approvals()
    assert (approval.key, pending.key) == ("approval/go:1", "approval/go")


async def test_the_library_refuses_what_was_decided_or_withdrawn(
    working: Worker, fleet: Fleet
) -> None:
    """Another decision and one that comes too late raise what happened."""
    swarm = await fleet.submit("Pay", [call("p", "payer", given={"cents": 5})])
    await rounds(working)
    [approval] = await swarm.approvals()
    await swarm.approve(approval.id, by="ann")
    await swarm.approve(approval.id, by="bob")
    with pytest.raises(AlreadyDecided, match="approved by ann"):
        await swarm.deny(approval.id, by="bob")
    other = await fleet.submit("Pay", [call("p", "payer", given={"cents": 6})])
    await rounds(working)
    [late] = await other.approvals()
    await other.cancel()

    with pytest.raises(ApprovalWithdrawn):
        await fleet.approve(late.id, by="ann")

    assert await fleet.approvals() == []
    states = {each.state for each in await fleet.approvals(state=None)}
    assert states == {ApprovalState.APPROVED, ApprovalState.WITHDRAWN}
    assert await fleet.approvals(state=None, before=late.id, swarm=other.id) == []


async def test_followers_wait_through_a_question(roster: Roster) -> None:
    """Events go on after the decision, and the result is waited for."""
    async with open_hive("memory:", roster=roster) as hive:
        swarm = await hive.submit("Pay", [call("p", "payer", given={"cents": 5})])
        seen: list[str] = []

        async for event in swarm.events():
            seen.append(event.kind)
            if event.kind == "task.blocked":
                [approval] = await swarm.approvals()
                assert event.data["awaits"] == [approval.id]
                await swarm.approve(approval.id, by="ann")

        assert seen[-1] == "swarm.completed"
        assert await swarm.result() == ["approved", "ann", "", "paid"]


async def rounds(working: Worker) -> int:
    """Work on all that is ready, and count the attempts."""
    begun = 0
    while ticked := await working.tick(patience_s=0):
        begun += ticked
        await working.idle()
    return begun


async def only(swarm: SwarmHandle) -> Task:
    """The one task of a swarm."""
    [task] = await swarm.tasks()
    return task
