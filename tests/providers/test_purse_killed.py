"""A purse that four workers draw on while one of them is killed again and again."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from itertools import count as count_from
from pathlib import Path

import pytest
from tests.providers.scenario import Asked, Says, Scene, Waits
from tests.providers.stub import Stub

from skep.drivers.sqlite import SqliteStore
from skep.drivers.system import SystemChance, SystemClock
from skep.records.purse import Purse
from skep.records.swarm import SwarmStatus
from skep.testing.invariants import check

BUDGET = 30
TASKS = 50
WORKERS = 4
LOOK_S, LIFE_MAX = 1.0, 10
MODEL = "anthropic:claude-sonnet-4-5"


async def begin(folder: Path, stub: Stub, *words: str) -> Process:
    """Start a command in the folder, with the stub for its provider."""
    path = os.environ["PATH"]  # noqa: TID251 - what a process needs
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "skep", *words),
        cwd=folder,
        env={"PATH": path, "LC_ALL": "C.UTF-8", **stub.environment},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )


async def work(folder: Path, stub: Stub, name: str) -> Process:
    """Start a worker."""
    return await begin(folder, stub, "work", "--identity", name, "--slots", "3")


async def live_on(worker: Process, stub: Stub) -> None:
    """Let a worker live until the provider was asked some more, by whomever."""
    seen = len(stub.ledger)
    for _ in range(LIFE_MAX):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(worker.wait(), LOOK_S)
        if len(stub.ledger) >= seen + 2:
            return


async def look(folder: Path) -> tuple[SwarmStatus, Purse]:
    """Read the one swarm, and see that every invariant holds."""
    path = folder / ".skep" / "skep.db"
    async with await SqliteStore.open(path, clock=SystemClock(), chance=SystemChance()) as store:
        dump = await store.dump()
    check(dump)
    (swarm,) = dump.swarms
    return swarm.status, swarm.purse


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_killed_workers_never_ask_for_more_than_the_budget(tmp_path: Path) -> None:
    """The provider was never asked more often than the budget says; what was lost is shown."""
    plan = [{"key": f"t{number}", "agent": "researcher"} for number in range(TASKS)]
    (tmp_path / "plan.json").write_text(json.dumps({"objective": "Ask", "tasks": plan}))
    count = count_from(1)

    def play(_: Asked) -> Scene:
        # Every third is kept waiting, until the worker that asked is killed.
        return Says(text="Honey keeps.") if next(count) % 3 else Waits(when="at once")

    async with Stub(play) as stub:
        asked = ("--plan", "plan.json", "--detach", "--model", MODEL)
        limits = ("--budget-usd", "none", "--budget-requests", str(BUDGET))
        submitted = await begin(tmp_path, stub, "run", *asked, *limits)
        assert await submitted.wait() == 0
        workers = [await work(tmp_path, stub, f"w{number}") for number in range(WORKERS)]
        kills, status = 0, SwarmStatus.ACTIVE
        try:
            while status is SwarmStatus.ACTIVE:
                place = kills % WORKERS
                await live_on(workers[place], stub)
                status, _ = await look(tmp_path)
                workers[place].kill()
                await workers[place].wait()
                workers[place] = await work(tmp_path, stub, f"w{place}")
                kills += 1
        finally:
            for worker in workers:
                worker.kill()
                await worker.wait()
        status, purse = await look(tmp_path)
        made = len(stub.ledger)

    print(f"{kills} kills, {made} requests made, purse {purse}")  # noqa: T201 - read with -rP
    assert status is SwarmStatus.PAUSED
    assert made <= BUDGET
    assert purse.spent.requests + purse.reserved.requests <= BUDGET
    assert made <= purse.spent.requests + purse.reserved.requests
    assert purse.lost.requests > 0
