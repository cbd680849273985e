"""A rig of leaders: workers that elect one of them, which is killed, stopped or cut off each time.

Meanwhile swarms are submitted, worked on and written to. What was acknowledged is remembered here;
what leaders wrote is told by a witness beside Skep (`audit`); what a deposed leader still tries, by
that leader itself.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fleet.audit import Audit, SqliteAudit, breaches, redis_audit
from tests.fleet.relay import Relay
from tests.load import AGENTS, expected, plan_of
from tests.servers import RedisProcess

from skep.compose import open_fleet
from skep.drivers.system import SystemClock
from skep.hive.fleet import Fleet
from skep.records.errors import StoreUnavailable
from skep.records.ids import SwarmId
from skep.records.leadership import Leadership
from skep.records.message import Address, Message, MessageId
from skep.settings import Settings, read_settings

LEADER: Final = Path(__file__).with_name("leader.py")
TEN_TIMES: Final = 10
"""The room that a bound in real time has on a busy machine."""

LOOK_S: Final = 0.02
STUCK_S: Final = 6.0
"""After so long without a leader a process is taken to be stopped in the midst of a write."""

STRIKE_S_MAX: Final = 0.2
"""How long a leader leads before it is struck, at whatever it is then."""

START_S: Final = 60.0
NODES: Final = ("ann", "bob", "cyd")


class StoppedInAWrite(Exception):
    """On SQLite the process that sleeps holds the file's lock: nobody can do anything."""


@dataclass
class Worker:
    """One process that may lead."""

    node: str
    process: asyncio.subprocess.Process
    relay: Relay | None = None

    async def told(self, word: str) -> Any:  # noqa: ANN401 - any document
        """Tell it something, and hear its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        return await self.heard()

    async def heard(self) -> Any:  # noqa: ANN401 - any document
        """Hear what it says next."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), START_S)
        return json.loads(line)


@dataclass
class Reign:
    """The rig: its workers, and what it knows of what happened."""

    fleet: Fleet
    settings: Settings
    folder: Path
    audit: Audit
    lease_s: float
    source: Path | None = None
    server: RedisProcess | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    workers: dict[str, Worker] = field(default_factory=dict[str, Worker])
    starting: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])
    submitted: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    sent: list[tuple[SwarmId, MessageId]] = field(default_factory=list[tuple[SwarmId, MessageId]])
    vacancies_s: list[float] = field(default_factory=list[float])
    answers: Counter[str] = field(default_factory=Counter[str])
    stopped_in_a_write: int = 0
    clock: SystemClock = field(default_factory=SystemClock)
    chance: Random = field(default_factory=Random)

    async def rounds(self, fault: str, times: int) -> None:
        """Strike the leader so many times, and give it back to the others."""
        if fault == "stop":
            await asyncio.gather(*self.starting)  # who starts could not open a file that is locked
        done = 0
        while done < times:
            try:
                await self.round(fault)
            except StoppedInAWrite:
                self.stopped_in_a_write += 1
            else:
                done += 1

    async def round(self, fault: str) -> None:
        """Strike whoever leads, wait for the next leader, and see what the first one still can."""
        await self._work()
        stands = await self._led()
        await self.clock.sleep(self.chance.uniform(0, STRIKE_S_MAX))
        struck = self.workers.pop(stands.node)
        await getattr(self, fault)(struck)
        began = self.clock.monotonic()
        try:
            found = self._until(lambda each: each.is_held and each.term > stands.term)
            await asyncio.wait_for(found, STUCK_S if self._is_sqlite else None)
        except TimeoutError:
            raise StoppedInAWrite from None
        else:
            self.vacancies_s.append(self.clock.monotonic() - began)
        finally:
            await self._give_back(fault, struck)
        if fault != "kill":
            told = await struck.told("try")
            self.answers.update(told["answers"].values())

    async def kill(self, worker: Worker) -> None:
        """End a process as `kill -9` does."""
        worker.process.kill()
        await worker.process.wait()

    async def stop(self, worker: Worker) -> None:
        """Stop a process, in whatever it was doing."""
        worker.process.send_signal(signal.SIGSTOP)

    async def cut(self, worker: Worker) -> None:
        """Cut a process off from its server."""
        assert worker.relay is not None
        worker.relay.cut()

    async def start(self, *nodes: str) -> None:
        """Start processes, and wait until they are ready."""
        await asyncio.gather(*map(self._start, nodes))

    async def settled(self) -> dict[str, list[str]]:
        """Wait until every swarm has ended; gives what was lost, and what came to a wrong end."""
        await asyncio.gather(*self.starting)
        wrong = list[str]()
        for swarm, n in self.submitted:
            async with asyncio.timeout(START_S):
                result = await self.fleet.swarm(swarm).result()
            if result != expected(n):
                wrong.append(f"{swarm}: {result}")
        kept = set[tuple[SwarmId, MessageId]]()
        for swarm in {swarm for swarm, _ in self.sent}:
            posted = await self.fleet.store.mailbox.read(swarm, limit=1_000)
            kept.update((swarm, each.message.id) for each in posted)
        lost = [f"{swarm}/{name}" for swarm, name in self.sent if (swarm, name) not in kept]
        return {"work": wrong, "messages": lost, "terms": breaches(self.audit.writes())}

    @property
    def figures(self) -> str:
        """What happened, in one line."""
        writes = Counter(write.kind for write in self.audit.writes())
        took = sorted(self.vacancies_s)
        middle, longest = took[len(took) // 2], took[-1]
        parts = (
            f"{len(took)} leaders struck, under a lease of {self.lease_s:g} s",
            f"the next one led after {middle:.2f} s in the middle, {longest:.2f} s at most",
            f"{self.answers['stale']} stale writes refused, {self.answers['accepted']} accepted",
            f"{writes['done']} duties done",
            f"{len(self.submitted)} swarms, {len(self.sent)} messages",
            f"{self.stopped_in_a_write} more stops in the midst of a write",
        )
        return "; ".join(parts)

    @property
    def _is_sqlite(self) -> bool:
        return self.server is None

    async def _work(self) -> None:
        """Submit a swarm, and write to it."""
        n = len(self.submitted)
        handle = await self.fleet.submit(f"Double {n}", plan_of(n))
        self.submitted.append((handle.id, n))
        letter = Message(
            id=MessageId(f"m{n}"),
            sender=Address(swarm=SwarmId("")),
            to=Address(swarm=SwarmId(handle.id)),
            type="announcement",
        )
        (answer,) = await self.fleet.store.mailbox.send([letter])
        if not isinstance(answer, Exception):  # the swarm may have ended already
            self.sent.append((SwarmId(handle.id), letter.id))

    async def _give_back(self, fault: str, struck: Worker) -> None:
        match fault:
            case "kill":
                starting = asyncio.create_task(self._start(struck.node))
                self.starting.add(starting)
                if not self.workers:
                    await starting
                return
            case "stop":
                struck.process.send_signal(signal.SIGCONT)
            case _:
                assert struck.relay is not None
                struck.relay.heal()
        self.workers[struck.node] = struck

    async def _led(self) -> Leadership:
        """Wait until a worker leads that has done a duty in its term."""
        while True:
            stands = await self._until(lambda each: each.is_held and each.node in self.workers)
            terms = [run.term for run in await self.fleet.store.terms.duties()]
            if stands.term in terms:
                return stands
            await self.clock.sleep(LOOK_S)

    async def _until(self, found: Callable[[Leadership], bool]) -> Leadership:
        """Look until the leadership is as asked for."""
        while True:
            try:
                stands = await self.fleet.store.terms.read()
            except StoreUnavailable:
                continue
            if stands is not None and found(stands):
                return stands
            await self.clock.sleep(LOOK_S)

    async def _start(self, node: str) -> None:
        relay = None
        url = self.settings.store
        if self.server is not None:
            relay = await self.stack.enter_async_context(Relay(self.server.port))
            url = f"redis://127.0.0.1:{relay.port}/0"
        environment = {**os.environ, "SKEP_LEADER_LEASE": f"{self.lease_s:g}s"}  # noqa: TID251 - handed on
        if self.source is not None:
            environment["PYTHONPATH"] = str(self.source)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(LEADER), url, node, str(self.folder)),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.stack.push_async_callback(_ended, process)
        worker = Worker(node=node, process=process, relay=relay)
        assert await worker.heard() == {"ready": node}
        self.workers[node] = worker


@asynccontextmanager
async def reign(
    kind: str, folder: Path, *, lease_s: float, source: Path | None = None
) -> AsyncGenerator[Reign]:
    """A rig on a store of its own, with all its workers ready; `source` is another package."""
    (folder / "load_agents.py").write_text(AGENTS)
    async with AsyncExitStack() as stack:
        server = None
        if kind == "redis":
            server = stack.enter_context(RedisProcess(folder, "--appendonly", "yes"))
        url = server.url if server is not None else f"sqlite:///{folder}/work.db"
        settings = read_settings(store=url, folder=folder)
        fleet = await stack.enter_async_context(open_fleet(settings))
        audit: Audit
        if server is not None:
            audit = await stack.enter_async_context(redis_audit(server.port))
        else:
            audit = SqliteAudit(folder / "work.db")
        rig = Reign(
            fleet=fleet,
            settings=settings,
            folder=folder,
            audit=audit,
            lease_s=lease_s,
            source=source,
            server=server,
        )
        await stack.enter_async_context(rig.stack)
        await rig.start(*NODES)
        yield rig


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()
