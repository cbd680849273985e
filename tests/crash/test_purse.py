"""Purses that fifty agents draw on at once, while a worker is killed -9 every second.

The provider's own ledger says what was spent; Skep's purse has to agree with it, but for the calls
that were in flight at a kill, which it shows as lost.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import pytest
from tests.cli.shell import Result, Shell
from tests.crash.hatchery import CLI, Hatchery, Life
from tests.crash.till import ANSWER_TOKENS, MODEL, Till, objective
from tests.providers.stub import Stub
from tests.servers import redis_server

from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.ports.inspection import Inspectable
from skep.records.purse import NANO, Purse
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import TaskStatus
from skep.settings import read_settings
from skep.testing.invariants import check

AGENTS, WORKERS, SLOTS = 50, 4, 13
KILL_EVERY_S: Final = 1.0
KILL_EVERY_S_MAX: Final = 10.0
LOOK_S: Final = 0.2
SHORT_S, LONG_S = 15.0, 600.0
SPENDER: Final = "tests.crash.spender:main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a swarm may spend, how that is asked for, and how it is raised."""

    calls: int = 10**9
    nano_usd: int = 10**15
    asked: tuple[str, ...]
    more: tuple[str, ...]


CALLS: Final = Limit(
    calls=100,
    asked=("--budget-usd", "none", "--budget-requests", "100"),
    more=("--requests", "5000"),
)
DOLLAR: Final = Limit(nano_usd=NANO, asked=("--budget-usd", "1"), more=("--raise", "50"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A swarm that was handed in."""

    number: int
    swarm: str
    limit: Limit


@dataclass(kw_only=True)
class Rig:
    """A provider with a ledger, a store, workers, and somebody who kills them."""

    folder: Path
    store: str
    fleet: Fleet
    stub: Stub
    till: Till
    hatchery: Hatchery
    chance: random.Random
    command: str = CLI
    workers: dict[str, Life] = field(default_factory=dict[str, Life])
    handed: list[Handed] = field(default_factory=list[Handed])
    kills: int = 0
    is_raging: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """Where every process finds the store and the provider."""
        limit = {"SKEP_MODEL_MAX_TOKENS": str(ANSWER_TOKENS)}
        return {**self.stub.environment, **limit, "SKEP_STORE": self.store}

    async def skep(self, *arguments: str) -> Result:
        """Run a command in a process of its own, to its end."""
        shell = Shell(folder=self.folder, environment=self.environment)
        return await asyncio.to_thread(shell.skep, *arguments)

    async def begin(self, name: str) -> None:
        """Start a worker under its name."""
        asked = ("work", "--identity", name, "--slots", str(SLOTS))
        self.workers[name] = await self.hatchery.begin(
            *asked, folder=self.folder, environment=self.environment, call=self.command
        )

    async def rage(self) -> None:
        """Kill a worker every second and start it again; on a slow machine, once somebody asked."""
        while self.is_raging:
            asked, began = len(self.stub.ledger), time.monotonic()
            await asyncio.sleep(KILL_EVERY_S)
            while self.is_raging and len(self.stub.ledger) == asked:
                if time.monotonic() > began + KILL_EVERY_S_MAX:
                    break
                await asyncio.sleep(LOOK_S)
            name = self.chance.choice(sorted(self.workers))
            self.kills += self.workers[name].kill()
            await self.workers[name].wait()
            await self.begin(name)
        # Who found its name held for a moment, by a git that its killed life had just forked.
        for name in [name for name, life in self.workers.items() if life.ended.done()]:
            await self.begin(name)

    async def hand_in(self, limit: Limit) -> Handed:
        """Hand in a swarm of fifty agents, whose findings one more brings together."""
        number = len(self.handed)
        retry = {"attempts_max": 100}
        tasks = [{"key": f"t{n}", "agent": "researcher", "retry": retry} for n in range(AGENTS)]
        after = [task["key"] for task in tasks]
        last = {"key": "join", "agent": "synthesizer", "retry": retry, "after": after}
        plan = self.folder / f"plan-{number}.json"
        plan.write_text(json.dumps({"objective": objective(number), "tasks": [*tasks, last]}))
        asked = ("--plan", plan.name, "--model", MODEL, "--max-agents", str(AGENTS))
        done = await self.skep("run", "--detach", *asked, *limit.asked, "--json")
        assert done.code == 0, done.err + done.out
        handed = Handed(number=number, swarm=done.json["swarm"], limit=limit)
        self.handed.append(handed)
        return handed

    async def rested(self, handed: Handed) -> Swarm:
        """Wait until a swarm is no longer at work."""
        while True:
            swarm = await self.fleet.swarm(handed.swarm).state()
            if swarm.status is not SwarmStatus.ACTIVE:
                return swarm
            await asyncio.sleep(LOOK_S)

    async def purse(self, handed: Handed) -> Purse:
        """Read a purse."""
        return (await self.fleet.swarm(handed.swarm).state()).purse


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the module's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, workplace: Path) -> str:
    """A store that several processes can share."""
    if request.param == "redis":
        return request.getfixturevalue("redis_url")
    return f"sqlite:///{workplace}/work.db"


async def raged(
    folder: Path,
    store: str,
    then: Callable[[Rig], Awaitable[None]],
    *,
    seconds: float,
    command: str = CLI,
) -> None:
    """Hand in swarm after swarm while workers are killed, then let somebody look and decide."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - read with -rP
    till = Till(folder / "provider.ledger", seed=seed)
    settings = read_settings(store=store, folder=folder)
    async with (
        Stub(till.play) as stub,
        Hatchery(folder) as hatchery,
        open_fleet(settings, is_worked_here=False) as fleet,
    ):
        rig = Rig(
            folder=folder,
            store=store,
            fleet=fleet,
            stub=stub,
            till=till,
            hatchery=hatchery,
            chance=random.Random(seed),
            command=command,
        )
        await asyncio.gather(*(rig.begin(f"w{n}") for n in range(WORKERS)))
        raging, over = asyncio.create_task(rig.rage()), time.monotonic() + seconds
        while time.monotonic() < over or len(rig.handed) < 3:
            limit = DOLLAR if len(rig.handed) % 2 else CALLS
            await rig.rested(await rig.hand_in(limit))
        rig.is_raging = False
        await raging
        await then(rig)


async def reconcile(rig: Rig, handed: Handed) -> None:
    """Hold a swarm's purse to the provider's ledger, and both to the budget."""
    swarm, billed = await rig.fleet.swarm(handed.swarm).state(), rig.till.billed(handed.number)
    purse, limit = swarm.purse, handed.limit
    known = purse.spent - purse.lost
    print(swarm.status, billed, purse)  # noqa: T201 - read with -rP
    assert purse.open == 0
    assert billed.calls <= purse.spent.requests <= limit.calls
    assert billed.nano_usd <= purse.spent.known_usd <= limit.nano_usd
    assert known.requests <= billed.calls, "only calls in flight at a kill may differ"
    assert known.known_usd <= billed.nano_usd
    shown = (await rig.skep("cost", handed.swarm, "--json")).json["purse"]
    assert shown["lost"] == purse.lost.as_json()


async def decide(rig: Rig) -> None:
    """See that all wait at their limits; then raise one, let one finish, and stop one."""
    lost = 0
    for handed in rig.handed:
        swarm = await rig.rested(handed)
        assert (swarm.status, swarm.purse.is_empty) == (SwarmStatus.PAUSED, True)
        await reconcile(rig, handed)
        lost += swarm.purse.lost.requests
    told = await rig.skep("swarm", "show", rig.handed[0].swarm)
    print(f"{rig.kills} kills, {len(rig.handed)} swarms, {lost} calls lost")  # noqa: T201 - the same
    assert lost, "no kill hit a call"
    assert "raise its budget, finish with what there is, or stop" in told.out
    raise_it, finish_it, stop_it = rig.handed[:3]
    await steered(rig, raise_it, *raise_it.limit.more, code=0, status=SwarmStatus.COMPLETED)
    await steered(rig, finish_it, "--finish", code=0, status=SwarmStatus.COMPLETED)
    await steered(rig, stop_it, "--stop", code=3, status=SwarmStatus.CANCELLED)
    await reconcile(rig, finish_it)
    await reconcile(rig, stop_it)
    assert rig.till.billed(raise_it.number).calls > raise_it.limit.calls
    *_, joined = await rig.fleet.swarm(finish_it.swarm).tasks()
    assert (joined.ref.key, joined.status) == ("join", TaskStatus.SUCCEEDED)
    await see_invariants(rig)


async def see_invariants(rig: Rig) -> None:
    """Hold the whole store to the invariants."""
    check(await cast("Inspectable", rig.fleet.store).dump())


async def steered(rig: Rig, handed: Handed, *how: str, code: int, status: SwarmStatus) -> None:
    """Decide how a swarm goes on, and watch it to its end."""
    asked = await rig.skep("swarm", "budget", handed.swarm, *how)
    assert asked.code == 0, asked.err + asked.out
    watched = await rig.skep("swarm", "watch", handed.swarm)
    assert watched.code == code, watched.err + watched.out
    assert (await rig.rested(handed)).status is status


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_workers_never_spend_more_than_the_purse(workplace: Path, store: str) -> None:
    """By the provider's ledger no budget is exceeded; at the limit each decision does its part."""
    await raged(workplace, store, decide, seconds=SHORT_S)


@pytest.mark.deep
@pytest.mark.timeout(3600)
async def test_long_kills_never_spend_more_than_the_purse(workplace: Path, store: str) -> None:
    """The same for ten minutes on each store."""
    await raged(workplace, store, decide, seconds=LONG_S)


@pytest.mark.deep
@pytest.mark.timeout(400)
async def test_the_rig_sees_calls_that_reserve_nothing(workplace: Path) -> None:
    """With the reservation left out, the provider's ledger soon holds more than the budget."""

    async def look(rig: Rig) -> None:
        billed = [rig.till.billed(handed.number) for handed in rig.handed]
        assert billed[0].calls > CALLS.calls
        assert billed[1].nano_usd > DOLLAR.nano_usd

    store = f"sqlite:///{workplace}/work.db"
    await raged(workplace, store, look, seconds=5, command=SPENDER)
