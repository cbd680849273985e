"""One swarm of ten thousand tasks beside twenty of three: the small ones wait for nobody's end."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from tests.servers import RedisProcess

from skep.compose import open_fleet
from skep.drivers.system import SystemClock
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.records.errors import LimitExceeded
from skep.records.event import Event
from skep.records.ids import TaskKey
from skep.records.limits import PLAN_TASKS_MAX, SWARM_AGENTS_MAX
from skep.records.swarm import SwarmStatus
from skep.records.task import AgentKind, TaskSpec
from skep.settings import Settings, read_settings

NAP_S: Final = 0.05
AGENTS: Final = f'''
"""A function agent that takes its time, and tells when it begins."""

import asyncio
import os
import time

import skep

LEDGER = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@skep.agent("nap")
async def nap(task):
    os.write(LEDGER, f"{{time.time()}} {{task.objective}}\\n".encode())
    await asyncio.sleep({NAP_S})
'''

SLOTS: Final = 8
WORKERS: Final = 2
RSS_MAX_MIB: Final = 150
IN_FLIGHT_S: Final = 1.0
"""How long after a cancel a grant that was on its way may still arrive; ten times the usual."""

PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.02


@dataclass
class Yard:
    """A store with workers in processes of their own."""

    folder: Path
    settings: Settings
    workers: list["subprocess.Popen[bytes]"] = field(
        default_factory=list["subprocess.Popen[bytes]"]
    )

    def start(self) -> None:
        """Start a worker."""
        command = [sys.executable, "-m", "skep", "work", "--store", self.settings.store]
        command += ["--slots", str(SLOTS), "--import", "nap_agents"]
        with (self.folder / f"worker{len(self.workers)}.log").open("wb") as log:
            self.workers.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    def rss_mib(self) -> list[float]:
        """The most memory that each worker has had, in MiB."""
        found: list[float] = []
        for worker in self.workers:
            lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
            (peak,) = [line for line in lines if line.startswith("VmHWM:")]
            found.append(int(peak.split()[1]) / 1024)
        return found

    def starts(self, objective: str) -> list[float]:
        """When the tasks of a swarm began, by the ledger of the agents."""
        lines = [line.split(" ", 1) for line in (self.folder / "ledger").read_text().splitlines()]
        return [float(at) for at, whose in lines if whose == objective]


@pytest.fixture(params=["sqlite", "redis"])
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    """A yard on each store that several processes can share."""
    (tmp_path / "nap_agents.py").write_text(AGENTS)
    url = f"sqlite:///{tmp_path}/work.db"
    with ExitStack() as stack:
        if request.param == "redis":
            url = stack.enter_context(RedisProcess(tmp_path, "--appendonly", "yes")).url
        yard = Yard(tmp_path, read_settings(store=url, folder=tmp_path))
        yield yard
        for worker in yard.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
async def fleet(yard: Yard) -> AsyncIterator[Fleet]:
    """The front of the yard's store."""
    async with open_fleet(yard.settings) as fleet:
        yield fleet


def naps(number: int) -> list[TaskSpec]:
    """Tasks that wait for nothing."""
    return [
        TaskSpec(key=TaskKey(f"n{place}"), agent="nap", kind=AgentKind.FUNCTION)
        for place in range(number)
    ]


async def events(swarm: SwarmHandle, kind: str) -> list[Event]:
    """The events of one kind so far."""
    return [event async for event in swarm.events(follow=False) if event.kind == kind]


async def busy(yard: Yard, *, starts: int) -> None:
    """Wait until so many tasks of the large swarm have begun."""
    while not (yard.folder / "ledger").exists() or len(yard.starts("Large")) < starts:
        await SystemClock().sleep(LOOK_S)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.timeout(240)
async def test_small_swarms_begin_within_two_slots_beside_a_large_one_that_is_then_cancelled(
    yard: Yard, fleet: Fleet
) -> None:
    """Twenty small swarms are served at once; the cancel of the large one ends its starts."""
    large = await fleet.submit("Large", naps(PLAN_TASKS_MAX), max_agents=SWARM_AGENTS_MAX)
    for _ in range(WORKERS):
        yard.start()
    await asyncio.wait_for(busy(yard, starts=2 * WORKERS * SLOTS), PATIENCE_S)

    small = await asyncio.gather(*(fleet.submit(f"Small {n}", naps(3)) for n in range(20)))
    for swarm in small:
        await asyncio.wait_for(swarm.result(), PATIENCE_S)
    await check_starts(large, small)
    await check_cancel(yard, large)

    rss_mib = yard.rss_mib()
    print(f"workers' memory at most {max(rss_mib):.0f} MiB")  # noqa: T201 - quoted
    assert max(rss_mib) <= RSS_MAX_MIB


async def check_starts(large: SwarmHandle, small: Sequence[SwarmHandle]) -> None:
    """Between a small swarm's release and its first start no slot is given out more than twice.

    Counted in grants and not in seconds, so that it holds on a machine that others slow down.
    """
    claimed = {swarm.id: await events(swarm, "task.claimed") for swarm in (large, *small)}
    grants = sorted(event.at for found in claimed.values() for event in found)
    waits: list[float] = []
    between: list[int] = []
    for swarm in small:
        (released, *_) = await events(swarm, "task.released")
        first = claimed[swarm.id][0]
        waits.append(first.at - released.at)
        between.append(sum(released.at <= at < first.at for at in grants))
    print(  # noqa: T201 - quoted
        f"first starts after {max(waits):.3f} s at most, two naps are {2 * NAP_S} s;"
        f" {max(between)} grants between at most, of {2 * WORKERS * SLOTS}"
    )
    assert max(between) <= 2 * WORKERS * SLOTS
    assert max(waits) <= 2 * NAP_S * 10


async def check_cancel(yard: Yard, large: SwarmHandle) -> None:
    """The cancel is acknowledged at once, and no task of the swarm starts after it."""
    clock = SystemClock()
    asked_at = clock.now()
    assert await large.cancel("enough") is SwarmStatus.CANCELLED
    told_at = clock.now()
    begun = len(yard.starts("Large"))

    await clock.sleep(2 * IN_FLIGHT_S)
    late = [at for at in yard.starts("Large") if at > told_at]
    print(  # noqa: T201 - quoted
        f"cancel acknowledged after {told_at - asked_at:.3f} s, {begun} tasks had begun,"
        f" {len(late)} began within {max([at - told_at for at in late], default=0):.3f} s after it"
    )
    assert told_at - asked_at < IN_FLIGHT_S * 10
    assert [at for at in late if at > told_at + IN_FLIGHT_S] == []
    kinds = [event.kind async for event in large.events(follow=False)]
    assert "task.claimed" not in kinds[kinds.index("swarm.cancelled") :]
    assert begun < PLAN_TASKS_MAX


async def test_one_task_too_many_is_refused_by_the_name_of_the_limit(fleet: Fleet) -> None:
    """A plan of 10,001 tasks is not stored, in part or whole."""
    with pytest.raises(LimitExceeded, match="PLAN_TASKS_MAX") as refusal:
        await fleet.submit("Larger", naps(PLAN_TASKS_MAX + 1))

    assert (refusal.value.allowed, refusal.value.actual) == (10_000, 10_001)
    assert await fleet.swarms() == []


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_ten_thousand_tasks_run_to_their_end_in_little_memory(
    yard: Yard, fleet: Fleet
) -> None:
    """A worker's memory does not grow with the swarms that it works on."""
    large = await fleet.submit("Large", naps(PLAN_TASKS_MAX), max_agents=SWARM_AGENTS_MAX)
    for _ in range(WORKERS):
        yard.start()

    while (await large.state()).status is SwarmStatus.ACTIVE:
        await SystemClock().sleep(1)

    state, starts, rss_mib = await large.state(), yard.starts("Large"), yard.rss_mib()
    print(  # noqa: T201 - quoted
        f"{len(starts)} starts in {max(starts) - min(starts):.0f} s,"
        f" workers' memory at most {max(rss_mib):.0f} MiB"
    )
    assert state.status is SwarmStatus.COMPLETED
    assert len(starts) == PLAN_TASKS_MAX
    assert max(rss_mib) <= RSS_MAX_MIB
