"""Pools among real worker processes: never more than there is, and the dead hold nothing."""

from itertools import accumulate
from typing import Any

import pytest
from tests.cli.shell import Begun, files_into
from tests.fleet.depot import Depot, killed

pytestmark = pytest.mark.slow

CAPACITY = 100
TASKS = 50
WORKERS = ("one", "two", "three")

SHARERS = f'''
"""Agents that share a pool, and write down what they hold."""

import asyncio
import os

import skep


def note(line: str) -> None:
    """Append a line in one write, as processes that share a file must."""
    ledger = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, f"{{line}}\\n".encode())
    os.close(ledger)


@skep.agent("sharer")
async def sharer(task: skep.TaskContext) -> None:
    """Hold a part for a moment."""
    async with task.allocate("cpu", 30, patience_s=300):
        note("+30")
        await asyncio.sleep(0.01)
        note("-30")


@skep.agent("hog")
async def hog(task: skep.TaskContext) -> None:
    """Hold everything; at the first attempt, for ever."""
    async with task.allocate("cpu", {CAPACITY}, patience_s=300):
        note("hog")
        if task.attempt == 1:
            await asyncio.Event().wait()
'''


def prepared(depot: Depot) -> None:
    """Bring the agents, and declare the pool."""
    files_into(depot.shell.folder, {"sharers.py": SHARERS})
    done = depot.shell.skep("fleet", "declare", "cpu", str(CAPACITY))
    assert done.code == 0, done.err + done.out


def worker(depot: Depot, identity: str, *options: str) -> Begun:
    """Start a worker of several slots with those agents."""
    begun = depot.shell.begin(
        *("work", "--queues", depot.queue, "--import", "sharers", "--identity", identity),
        *("--slots", "4", *options),
    )
    depot.workers.append(begun)
    begun.until("Ready: ")
    return begun


def cpu(depot: Depot) -> dict[str, Any]:
    """Read the pool."""
    [pool] = depot.shell.skep("fleet", "resources", "--json").json["pools"]
    return pool


def test_fifty_tasks_never_hold_more_than_there_is(depot: Depot) -> None:
    """By the log of the swarm and by what the tasks wrote down, the sum stays within the pool."""
    prepared(depot)
    for identity in WORKERS:
        worker(depot, identity)

    swarm = depot.submit(*["sharer"] * TASKS)
    depot.watched(swarm)

    ledger = [int(line) for line in (depot.shell.folder / "ledger").read_text().split()]
    told = depot.events(swarm, "resource.allocated", "resource.released")
    signs = {"resource.allocated": 1, "resource.released": -1}
    sums = list(accumulate(signs[event["kind"]] * event["data"]["amount"] for event in told))
    assert len(told) >= 2 * TASKS
    assert max(sums) <= CAPACITY
    assert max(accumulate(ledger)) <= CAPACITY
    assert (sums[-1], cpu(depot)["allocated"]) == (0, 0)
    assert set(depot.claimants(swarm)) == set(WORKERS)


def test_a_killed_worker_gives_back_with_its_lease(depot: Depot) -> None:
    """What a process held when it was killed is free when its lease is over, and used again."""
    prepared(depot)
    first = worker(depot, "first", "--lease", "1")
    swarm = depot.submit("hog")
    depot.until(swarm, "resource.allocated")
    assert cpu(depot)["allocated"] == CAPACITY

    killed(first)
    worker(depot, "second", "--lease", "1")
    depot.watched(swarm)

    kinds = [
        event["kind"]
        for event in depot.events(
            swarm, "resource.allocated", "resource.released", "task.lost", "task.succeeded"
        )
    ]
    held = ["resource.allocated", "resource.released"]
    assert kinds == [*held, "task.lost", *held, "task.succeeded"]
    assert cpu(depot)["allocated"] == 0
