"""A worker that slept past its lease: its task has moved, and nothing that it tries counts."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import pytest
from tests.cli.shell import files_into
from tests.fleet.depot import Depot, told_to_stop
from tests.servers import RedisProcess

from skep.compose import open_store
from skep.drivers.system import SystemClock
from skep.ports.store import Store
from skep.records.event import Cursor, Event
from skep.records.ids import SwarmId
from skep.records.lease import Grant
from skep.records.outcome import Settlement, SettleVerdict, Succeeded
from skep.records.purse import Budget
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy
from skep.records.values import digest_of
from skep.settings import read_settings
from skep.testing.samples import offer, order, submission, task

ZOMBIE: Final = Path(__file__).with_name("zombie.py")
FATES: Final = ("freed", "held", "settled", "cancelled")
REFUSED: Final = {"lost", "fenced", "late", "conflict"}
"""`late`: noted as late to a task that was cancelled; the next settlement is a `conflict` then."""

STUCK_S: Final = 3.0
LOOK_S: Final = 0.02
AMPLE: Final = Budget(requests=1000)
PATIENT: Final = RetryPolicy(attempts_max=10, base_s=0.0)


class StoppedInAWrite(Exception):
    """On SQLite the process that sleeps holds the file's lock: nobody can do anything."""


@dataclass
class Cemetery:
    """A store, a process that is stopped over and over, and what became of its tasks."""

    store: Store
    zombie: asyncio.subprocess.Process
    folder: Path
    rounds: int = 0
    stopped_in_a_write: int = 0

    @property
    def tries(self) -> Sequence[str]:
        """What the zombie tried, by its own ledger."""
        return (self.folder / "ledger").read_text().splitlines()

    async def round(self, fate: str) -> dict[str, str]:
        """Stop the holder of a task past its lease, and wake it when the task has met its fate.

        Gives the answers to its tries. Raises `StoppedInAWrite`; then it was woken without any.
        """
        self.rounds += 1
        swarm = SwarmId(f"swarm-{self.rounds}")
        asked = submission(swarm, task("t", retry=PATIENT), budget=AMPLE)
        await self.store.work.submit([asked])
        assert await self._told("claim") == {"claimed": 1}
        self.zombie.send_signal(signal.SIGSTOP)
        try:
            heir = await asyncio.wait_for(self._meet(fate, swarm), STUCK_S)
        except TimeoutError:
            self.stopped_in_a_write += 1
            raise StoppedInAWrite from None
        finally:
            before = await self._events(swarm)
            purse = (await self.store.registry.swarm(swarm)).purse
            self.zombie.send_signal(signal.SIGCONT)
        answers = await self._told("try")
        assert (await self.store.registry.swarm(swarm)).purse == purse, fate
        after = [event for event in await self._events(swarm) if event.kind not in LATE]
        assert after == [event for event in before if event.kind not in LATE], fate
        await self._close(swarm, fate, heir)
        return answers

    async def bury(self) -> None:
        """End the swarm of a round that came to nothing, before the next round's heir claims it."""
        swarm = SwarmId(f"swarm-{self.rounds}")
        await self.store.work.steer([order(swarm, SwarmMove.CANCEL)])

    async def _meet(self, fate: str, swarm: SwarmId) -> Grant | None:
        """Let the task meet its fate while its holder sleeps."""
        if fate == "cancelled":
            assert await self.store.work.steer([order(swarm, SwarmMove.CANCEL)]) == [
                SwarmStatus.CANCELLED
            ]
            return None
        while not (await self.store.leases.sweep()).lost:
            await SystemClock().sleep(LOOK_S)
        if fate == "freed":
            return None
        (heir,) = await self.store.work.claim(offer("heir", lease_s=60), limit=1)
        if fate == "settled":
            await self._settle(heir)
        return heir

    async def _close(self, swarm: SwarmId, fate: str, heir: Grant | None) -> None:
        """See that the task is its heir's, once, whatever the zombie tried."""
        if fate == "freed":
            (heir,) = await self.store.work.claim(offer("heir", lease_s=60), limit=1)
        if fate in {"freed", "held"} and heir is not None:
            await self._settle(heir)
        (found,) = await self.store.registry.tasks(swarm)
        kinds = Counter(event.kind for event in await self._events(swarm))
        is_cancelled = fate == "cancelled"
        assert kinds["task.succeeded"] == (0 if is_cancelled else 1)
        assert found.outcome == (None if is_cancelled else '"heir"')

    async def _settle(self, heir: Grant) -> None:
        settlement = Settlement(token=heir.token, outcome=Succeeded(value="heir"))
        assert await self.store.work.settle([settlement]) == [SettleVerdict.OK]

    async def _told(self, word: str) -> Any:  # noqa: ANN401 - any document
        """Tell the zombie something, and hear its answer."""
        assert self.zombie.stdin is not None
        assert self.zombie.stdout is not None
        self.zombie.stdin.write(f"{word}\n".encode())
        return json.loads(await asyncio.wait_for(self.zombie.stdout.readline(), 30))

    async def _events(self, swarm: SwarmId) -> Sequence[Event]:
        return (await self.store.log.read(Cursor(incarnation="", swarm=swarm))).events


LATE: Final = {"task.result_came_late"}


@pytest.fixture(params=["sqlite", "redis"])
async def cemetery(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cemetery]:
    """A cemetery on each store that several processes can share."""
    url = f"sqlite:///{tmp_path}/work.db"
    async with AsyncExitStack() as stack:
        if request.param == "redis":  # a server of its own: nobody else may sweep
            url = stack.enter_context(RedisProcess(tmp_path, "--appendonly", "yes")).url
        store = await stack.enter_async_context(await open_store(read_settings(store=url)))
        zombie = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ZOMBIE),
            url,
            str(tmp_path / "ledger"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        yield Cemetery(store, zombie, tmp_path)
        zombie.kill()
        await zombie.communicate()


async def wake(cemetery: Cemetery, *, stops: int) -> None:
    """Stop and wake the zombie so many times, and see everything that it tries refused."""
    fates, done = cycle(FATES), 0
    while done < stops:
        fate = next(fates)
        try:
            answers = await cemetery.round(fate)
        except StoppedInAWrite:
            await cemetery.bury()
            continue
        accepted = {name: answer for name, answer in answers.items() if answer not in REFUSED}
        assert accepted == {}, fate
        assert ("late" in answers.values()) == (fate == "cancelled"), answers
        done += 1
    told = Counter(line.rpartition(" ")[2] for line in cemetery.tries)
    print(  # noqa: T201 - the deep run quotes its figures
        f"{done} stops, {len(cemetery.tries)} tries, {dict(told)},"
        f" {cemetery.stopped_in_a_write} more stops in the midst of a write"
    )
    assert len(cemetery.tries) >= 3 * stops


@pytest.mark.slow
async def test_nothing_is_accepted_from_a_worker_that_slept_past_its_lease(
    cemetery: Cemetery,
) -> None:
    """Renewal, journal, spending, spawn and settlement are refused, whoever has the task now."""
    await wake(cemetery, stops=6)


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_nothing_is_accepted_in_a_hundred_stops(cemetery: Cemetery) -> None:
    """A hundred stops, hundreds of tries, none accepted."""
    await wake(cemetery, stops=100)


HANDS: Final = '''
"""Function agents that are stuck at their first attempt, and only there."""

import asyncio
import os

import skep


@skep.agent("blocked")
async def blocked(task: skep.TaskContext) -> int:
    """Block the whole loop, so that the result is there before the loss is heard of."""
    if task.attempt == 1:
        open("gate").read()
    return os.getpid()


@skep.agent("waiting")
async def waiting(task: skep.TaskContext) -> int:
    """Wait as it should be done."""
    if task.attempt == 1:
        await asyncio.to_thread(lambda: open("gate").read())
    return os.getpid()
'''


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["blocked", "waiting"])
def test_a_stopped_worker_loses_its_task_to_another_and_works_on(depot: Depot, agent: str) -> None:
    """`skep work` stopped past its lease: the outcome is the other's, once, and its log says so."""
    files_into(depot.shell.folder, {"stuck.py": HANDS})
    os.mkfifo(depot.shell.folder / "gate")
    short = ("--import", "stuck", "--lease", "1")
    first = depot.worker("--identity", "first", *short)
    swarm = depot.submit(agent)
    first.until("begins")

    first.send(signal.SIGSTOP)
    second = depot.worker("--identity", "second", *short)
    second.until("done in")
    first.send(signal.SIGCONT)
    if agent == "blocked":
        (depot.shell.folder / "gate").write_text("open")
    lost = first.until("lost")

    assert agent in lost
    assert depot.claimants(swarm) == ["first", "second"]
    (done,) = depot.events(swarm, "task.succeeded")
    assert done["data"]["value_sha256"] == digest_of(str(second.process.pid))
    told_to_stop(second)
    depot.watched(depot.submit("quick"))
    first.until("done in")
