"""Chaos with an oracle outside the system: workers die at random, and the ledger must agree.

The agents' calls write their beginning and their end to a ledger of their own, fsynced line by
line. What the store says in the end is held against it and against the log of the kills.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from skep.compose import open_fleet
from skep.hive.fleet import Fleet, SwarmHandle
from skep.records.event import Event
from skep.records.ids import TaskKey
from skep.records.swarm import ENDED, SwarmStatus
from skep.records.task import AgentKind, RetryPolicy, TaskSpec
from skep.settings import Settings, read_settings

AGENTS: Final = '''
"""Agents whose every call leaves two lines in a ledger outside of Skep."""

import asyncio
import os
import random
import time

import skep

LEDGER = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def line(kind, key):
    os.write(LEDGER, f"{time.time()} {os.getpid()} {kind} {key}\\\\n".encode())
    os.fsync(LEDGER)


@skep.agent("square")
async def square(task, n):
    async def call(key, n):
        line("start", key)
        await asyncio.sleep(random.uniform(0, 0.05))
        line("end", key)
        return n * n

    keys = [task.idempotency_key("ask", key=str(i)) for i in range(3)]
    squares = [
        await task.step("ask", call, key, n + i, key=str(i), effect=skep.Effect.PURE)
        for i, key in enumerate(keys)
    ]
    return sum(squares)


@skep.agent("total")
async def total(task):
    return sum(finding.value for finding in task.findings.values())
'''.replace("\\\\n", "\\n")

WORKERS: Final = 4
LIVE_SWARMS_MAX: Final = 12
WIDTH: Final = 5
SETTLED_WITHIN_S: Final = 60.0
PATIENT: Final = RetryPolicy(attempts_max=100, base_s=0.0)


@dataclass
class Rig:
    """Workers that are killed and started again, and swarms that must not notice."""

    folder: Path
    store: str
    chance: random.Random
    workers: dict[str, subprocess.Popen[bytes]] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )
    killed: set[int] = field(default_factory=set[int])
    swarms: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    @property
    def ledger(self) -> Path:
        """Where the agents' calls are written down."""
        return self.folder / "ledger"

    @property
    def settings(self) -> Settings:
        """The settings of the submitter."""
        return read_settings(store=self.store, folder=self.folder)

    async def run(self, *, seconds: float) -> None:
        """Submit and kill for so long; then let everything end, and end the workers."""
        (self.folder / "chaos_agents.py").write_text(AGENTS)
        for number in range(WORKERS):
            self._start(f"w{number}")
        try:
            async with open_fleet(self.settings) as fleet:
                over = time.monotonic() + seconds
                await asyncio.gather(self._submit(fleet, over), self._kill(over))
                await asyncio.wait_for(self._all_ended(fleet), SETTLED_WITHIN_S)
        finally:
            for worker in self.workers.values():
                worker.kill()
                worker.wait()

    def _start(self, identity: str) -> None:
        command = [sys.executable, "-m", "skep", "work", "--store", self.store, "--slots", "4"]
        command += ["--identity", identity, "--import", "chaos_agents"]
        environment = {**os.environ, "CHAOS_LEDGER": str(self.ledger)}
        with (self.folder / f"{identity}.log").open("ab") as log:
            self.workers[identity] = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    async def _submit(self, fleet: Fleet, over: float) -> None:
        while time.monotonic() < over:
            if await self._live(fleet) >= LIVE_SWARMS_MAX:
                await asyncio.sleep(0.05)
                continue
            n = self.chance.randrange(1000)
            handle = await fleet.submit(f"Square {n}", plan_of(n), max_agents=50)
            self.swarms.append((handle.id, n))  # from here on it is acknowledged

    async def _kill(self, over: float) -> None:
        while time.monotonic() < over:
            await asyncio.sleep(self.chance.uniform(0.3, 1.2))
            identity = self.chance.choice(sorted(self.workers))
            worker = self.workers[identity]
            worker.send_signal(signal.SIGKILL)
            await asyncio.to_thread(worker.wait)
            self.killed.add(worker.pid)
            self._start(identity)

    async def _live(self, fleet: Fleet) -> int:
        return len(await fleet.swarms(status=SwarmStatus.ACTIVE, limit=LIVE_SWARMS_MAX))

    async def _all_ended(self, fleet: Fleet) -> None:
        while await self._live(fleet):
            await asyncio.sleep(0.2)


def plan_of(n: int) -> list[TaskSpec]:
    """Some squares, and their sum."""
    squares = [
        TaskSpec(
            key=TaskKey(f"s{i}"),
            agent="square",
            kind=AgentKind.FUNCTION,
            input={"n": n + 10 * i},
            retry=PATIENT,
        )
        for i in range(WIDTH)
    ]
    after = tuple(task.key for task in squares)
    join = TaskSpec(
        key=TaskKey("sum"), agent="total", kind=AgentKind.FUNCTION, after=after, retry=PATIENT
    )
    return [*squares, join]


def expected(n: int) -> int:
    """What the plan of `n` must come to, computed without Skep."""
    return sum((n + 10 * i + j) ** 2 for i in range(WIDTH) for j in range(3))


@dataclass
class Verdict:
    """What the oracle found; every list must be empty."""

    unfinished: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    outcomes_twice: list[str] = field(default_factory=list[str])
    asked_again: list[str] = field(default_factory=list[str])
    repeated: list[str] = field(default_factory=list[str])
    kills_on_open_calls: int = 0


async def judge(rig: Rig) -> Verdict:
    """Hold the store against the ledger, the kills and the arithmetic."""
    verdict, recorded = Verdict(), dict[str, float]()
    async with open_fleet(rig.settings) as fleet:
        for swarm, n in rig.swarms:
            handle = fleet.swarm(swarm)
            state = await handle.state()
            if state.status not in ENDED:
                verdict.unfinished.append(swarm)
            elif state.status is not SwarmStatus.COMPLETED or await handle.result() != expected(n):
                verdict.wrong.append(f"{swarm}: {state.status} {state.reason}")
            recorded |= await _read(handle, verdict)
    _hold_against_ledger(rig, recorded, verdict)
    return verdict


async def _read(handle: SwarmHandle, verdict: Verdict) -> dict[str, float]:
    """When each step was recorded; notes down outcomes that stand twice."""
    events: list[Event] = [event async for event in handle.events(follow=False)]
    done = Counter(event.task for event in events if event.kind == "task.succeeded")
    verdict.outcomes_twice += [f"{handle.id}/{task}" for task, n in done.items() if n > 1]
    return {
        f"{handle.id}/{event.task}/1/{event.data['key']}": event.at
        for event in events
        if event.kind == "step.recorded"
    }


def _hold_against_ledger(rig: Rig, recorded: dict[str, float], verdict: Verdict) -> None:
    starts: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    ends: set[tuple[str, int]] = set()
    for text in rig.ledger.read_text().splitlines():
        at, pid, kind, key = text.split(" ", 3)
        if kind == "start":
            starts[key].append((float(at), int(pid)))
        else:
            ends.add((key, int(pid)))
    for key, calls in starts.items():
        deaths = sum(pid in rig.killed for _, pid in calls)
        verdict.kills_on_open_calls += sum((key, pid) not in ends for _, pid in calls)
        if len(calls) - 1 > deaths:
            verdict.repeated.append(f"{key}: {len(calls)} calls, {deaths} deaths")
        late = [at for at, _ in calls if at > recorded.get(key, at)]
        verdict.asked_again += [f"{key} at {at}" for at in late]
