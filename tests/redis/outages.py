"""A rig of outages: two workers and a submitter at work while their server dies, again and again.

What was acknowledged is written down outside of Skep: the swarms in a ledger, fsynced line by line,
the settlements in the logs that the workers write. Both are held against the store in the end.
"""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.load import AGENTS, expected, plan_of
from tests.servers import RedisProcess

from skep.compose import open_fleet
from skep.drivers.system import SystemClock
from skep.hive.fleet import Fleet
from skep.records.errors import StoreUnavailable, SwarmNotFound
from skep.records.swarm import Swarm, SwarmStatus
from skep.settings import read_settings

WORKERS: Final = ("one", "two")
LIVE_SWARMS_MAX: Final = 8
LOOK_S: Final = 0.02
PATIENCE_S: Final = 60.0
TOLD: Final = {"ready", "task.begun", "task.ended", "store.away", "store.back"}


Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Outage:
    """One death of the server: times in seconds since 1970, and who lived before and after it."""

    killed_at: float
    up_at: float
    ready_s: float
    acknowledged_s: float
    incarnations: tuple[str, str]
    lost: tuple[str, ...]


@dataclass
class Rig:
    """Load on a server that is killed and started again, `skep work` processes that are not."""

    folder: Path
    server: RedisProcess
    chance: random.Random
    clock: SystemClock = field(default_factory=SystemClock)
    workers: dict[str, "subprocess.Popen[bytes]"] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    acknowledged_at: float = 0.0
    lost: set[str] = field(default_factory=set[str])
    outages: list[Outage] = field(default_factory=list[Outage])

    async def run(self, *, outages: int) -> None:
        """Have so many outages under load; then let everything end. The workers stay."""
        (self.folder / "load_agents.py").write_text(AGENTS)
        for name in WORKERS:
            self._start(name)
        settings = read_settings(store=self.server.url, folder=self.folder)
        async with open_fleet(settings) as fleet:
            submitting = asyncio.create_task(self._submit(fleet))
            try:
                await self._until_all_are_ready()
                await self._until_begun(after=0)
                for _ in range(outages):
                    await self.clock.sleep(self.chance.uniform(0.2, 1.2))
                    self.outages.append(await self._outage(fleet))
            finally:
                submitting.cancel()
                await asyncio.gather(submitting, return_exceptions=True)
            await asyncio.wait_for(self._all_ended(fleet), PATIENCE_S)

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers.values():
            worker.kill()
            worker.wait()

    def told(self, worker: str) -> list[dict[str, Any]]:
        """All that a worker wrote, line by line; what is no JSON is an error."""
        text = (self.folder / f"{worker}.log").read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def _start(self, name: str) -> None:
        command = [sys.executable, "-m", "skep", "work", "--store", self.server.url, "--json"]
        command += ["--slots", "4", "--identity", name, "--import", "load_agents"]
        with (
            (self.folder / f"{name}.log").open("wb") as out,
            (self.folder / f"{name}.err").open("wb") as err,
        ):
            self.workers[name] = subprocess.Popen(command, cwd=self.folder, stdout=out, stderr=err)

    async def _submit(self, fleet: Fleet) -> None:
        number = 0
        with (self.folder / "ledger").open("a") as ledger:
            while True:
                if len(await self._live(fleet)) >= LIVE_SWARMS_MAX:
                    await self.clock.sleep(LOOK_S)
                    continue
                number += 1
                swarm = f"swarm-{number}"
                plan = plan_of(number)
                await answered(partial(fleet.submit, "Double", plan, swarm=swarm))
                ledger.write(f"{swarm}\n")
                ledger.flush()
                os.fsync(ledger.fileno())
                self.acknowledged[swarm] = number
                self.acknowledged_at = self.clock.now()

    async def _outage(self, fleet: Fleet) -> Outage:
        before = fleet.store.incarnation
        killed_at = self.clock.now()
        self.server.kill()
        known = set(self.acknowledged)
        await self.clock.sleep(self.chance.uniform(0, 1.5))
        await asyncio.to_thread(self.server.start)
        up_at = self.clock.now()
        ready_at = await asyncio.wait_for(self._until_begun(after=up_at), PATIENCE_S)
        while self.acknowledged_at < up_at:
            await self.clock.sleep(LOOK_S)
        return Outage(
            killed_at=killed_at,
            up_at=up_at,
            ready_s=ready_at - up_at,
            acknowledged_s=self.acknowledged_at - up_at,
            incarnations=(before, fleet.store.incarnation),
            lost=await self._gone(fleet, known),
        )

    async def _until_all_are_ready(self) -> None:
        """Wait for every worker's first word: one that finds no server at its start leaves."""
        while not all(self.told(worker) for worker in self.workers):
            await self.clock.sleep(LOOK_S)

    async def _until_begun(self, *, after: float) -> float:
        """Wait for the first task that a worker begins after a moment; says when that was."""
        while True:
            begun = [
                line["at"]
                for worker in self.workers
                for line in self.told(worker)
                if line["event"] == "task.begun" and line["at"] > after
            ]
            if begun:
                return min(begun)
            await self.clock.sleep(LOOK_S)

    async def _gone(self, fleet: Fleet, known: set[str]) -> tuple[str, ...]:
        """The acknowledged swarms that this outage took; none of them comes back."""
        gone: list[str] = []
        for swarm in sorted(known - self.lost):
            try:
                await answered(fleet.swarm(swarm).state)
            except SwarmNotFound:
                gone.append(swarm)
        self.lost.update(gone)
        return tuple(gone)

    async def _all_ended(self, fleet: Fleet) -> None:
        while await self._live(fleet):
            await self.clock.sleep(LOOK_S)

    async def _live(self, fleet: Fleet) -> Sequence[Swarm]:
        return await answered(
            partial(fleet.swarms, status=SwarmStatus.ACTIVE, limit=LIVE_SWARMS_MAX)
        )


async def answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask until the store answers, as every caller may; only its typed error is passed over."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            return await ask()
        await SystemClock().sleep(LOOK_S)


@dataclass
class Verdict:
    """What the oracle found; every list must be empty, the counts are for whoever reads them."""

    wrong: list[str] = field(default_factory=list[str])
    outcomes_twice: list[str] = field(default_factory=list[str])
    lost_in_silence: list[str] = field(default_factory=list[str])
    undone_in_silence: list[str] = field(default_factory=list[str])
    odd_lines: list[str] = field(default_factory=list[str])
    dead_workers: list[str] = field(default_factory=list[str])
    lost: int = 0
    undone: int = 0
    lives: int = 0


async def judge(rig: Rig) -> Verdict:
    """Hold the store against the ledger, the logs and the arithmetic."""
    verdict = Verdict()
    settings = read_settings(store=rig.server.url, folder=rig.folder)
    async with open_fleet(settings) as fleet:
        for swarm in sorted(set(rig.acknowledged) - rig.lost):
            await _judge_swarm(fleet, swarm, expected(rig.acknowledged[swarm]), verdict)
    for outage in rig.outages:
        is_new_life = outage.incarnations[0] != outage.incarnations[1]
        verdict.lives += is_new_life
        verdict.lost += len(outage.lost)
        if outage.lost and not is_new_life:
            verdict.lost_in_silence += outage.lost
    _judge_settlements(rig, verdict)
    for worker in rig.workers:
        verdict.odd_lines += _odd_lines(rig, worker)
        if rig.workers[worker].poll() is not None:
            verdict.dead_workers.append(worker)
    return verdict


async def _judge_swarm(fleet: Fleet, swarm: str, value: int, verdict: Verdict) -> None:
    handle = fleet.swarm(swarm)
    try:
        state = await handle.state()
    except SwarmNotFound:
        verdict.lost_in_silence.append(swarm)
        return
    if state.status is not SwarmStatus.COMPLETED or await handle.result() != value:
        verdict.wrong.append(f"{swarm}: {state.status} {state.reason}")
    events = [event async for event in handle.events(follow=False)]
    done = Counter(event.task for event in events if event.kind == "task.succeeded")
    verdict.outcomes_twice += [f"{swarm}/{task}" for task, n in done.items() if n > 1]


def _judge_settlements(rig: Rig, verdict: Verdict) -> None:
    """What was acknowledged as settled and settled again was undone: the life must be new."""
    settled: dict[str, list[float]] = {}
    for worker in rig.workers:
        for line in rig.told(worker):
            if line["event"] == "task.ended" and line["outcome"] == "succeeded":
                settled.setdefault(f"{line['swarm']}/{line['task']}", []).append(line["at"])
    for task, times in settled.items():
        for first, second in zip(sorted(times), sorted(times)[1:], strict=False):
            verdict.undone += 1
            lives = [
                outage.incarnations
                for outage in rig.outages
                if first <= outage.up_at and outage.killed_at <= second
            ]
            if all(before == after for before, after in lives):
                verdict.undone_in_silence.append(task)


def _odd_lines(rig: Rig, worker: str) -> Iterator[str]:
    """Lines that tell anything but work, and one change of state per outage."""
    lines = rig.told(worker)
    yield from (f"{worker}: {line}" for line in lines if line["event"] not in TOLD)
    changes = [line for line in lines if line["event"].startswith("store.")]
    for place, line in enumerate(changes):
        if line["event"] != ("store.back" if place % 2 else "store.away"):
            yield f"{worker}: change {place} is {line}"
    if len(changes) % 2 or len(changes) > 2 * len(rig.outages):
        yield f"{worker}: {len(changes)} changes in {len(rig.outages)} outages"
    if errors := (rig.folder / f"{worker}.err").read_text():
        yield f"{worker}: {errors}"
