"""Skep in the engine rows: submitted through `Fleet`, with retries, leases, journal and events on.

Variant `embedded` works in the client's process, as `skep.open` does; in `apart` the workers are
`skep work` processes. Rows that kill are always apart.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any, Final, cast

from redis import Redis
from typing_extensions import override

import skep
from bench.own import fleets, hands
from bench.rows import FLEETS
from bench.stage import ledger
from bench.stage.contestant import POLL_S, Contestant, Figures
from bench.stage.engine import main, percentiles
from bench.stage.order import Order
from bench.stage.workers import Workers, module, rss_bytes
from skep.compose import WorkerOptions, open_fleet, working
from skep.hive.fleet import Fleet
from skep.records.ids import WorkerId
from skep.records.lease import Offer
from skep.records.values import Json
from skep.settings import read_settings

SLOTS: Final = {
    "queue": 256,
    "work": 256,
    "singles": 256,
    "dags": 256,
    "fair": 32,
    "kill": 10,
    "takeover": 10,
}
KILLS: Final = frozenset({"kill", "takeover"})
AGENTS: Final = 1_000
"""Tasks of one swarm that may run at once: the engine's limit."""
CALLERS: Final = 16
SINGLE_CALLERS: Final = 256
LOGS_READ: Final = 20
CLAIMS: Final = 500
ELIGIBLE: Final = 100
ASLEEP_S: Final = 3_600.0
IDENTITY: Final = "bench-worker"


class Skep(Contestant):
    """Skep with a client and its workers, in one process or in several."""

    def __init__(self, order: Order) -> None:
        folder = Path(order.folder)
        store = order.url or f"sqlite:///{folder / 'skep.db'}"
        self._settings = read_settings(store=store, folder=folder)
        self._is_apart = order.variant == "apart" or order.row in KILLS
        self._stack = AsyncExitStack()
        self._hall = AsyncExitStack()
        self._swarms: list[skep.SwarmHandle] = []
        self._fleets: list[Fleet] = []
        self._lives = 0
        client: Any = Redis  # its signatures are untyped in part
        self._server: Any = client.from_url(order.url) if order.url else None
        super().__init__(order)

    @property
    def slots(self) -> int:
        """How many tasks one worker works on at once."""
        if self.order.row.endswith("sleepers"):
            return self.order.count
        return SLOTS.get(self.order.row, 8)

    @property
    def _fleet(self) -> Fleet:
        (fleet,) = self._fleets
        return fleet

    @override
    def worker_command(self) -> Sequence[str]:
        command = module("skep", "work", "--import", hands.__name__, "--slots", str(self.slots))
        if self.order.row in KILLS:
            taker = self._lives if self.order.row == "takeover" else 0
            command += ["--identity", f"{IDENTITY}-{taker}"]
        return [*command, "--store", self._settings.store]

    @override
    async def open(self) -> None:
        fleet = await self._stack.enter_async_context(open_fleet(self._settings))
        self._fleets.append(fleet)

    @override
    async def close(self) -> None:
        await self._stack.aclose()

    @override
    async def begin(self) -> None:
        if self._is_apart:
            self.workers.start(self.order.workers)
        else:
            options = WorkerOptions(slots=self.slots)
            await self._hall.enter_async_context(working(self._fleet, self._settings, options))
        await self.warm_up()

    @override
    async def restart(self) -> None:
        self._lives += 1
        self.workers = Workers(self.order, self.worker_command())
        self.workers.start(self.order.workers)

    @override
    async def end(self) -> None:
        await self._hall.aclose()
        await super().end()

    @override
    def worker_rss_bytes(self) -> int:
        return super().worker_rss_bytes() if self._is_apart else rss_bytes()

    @override
    async def enqueue(self, tasks: Sequence[int]) -> None:
        if self.order.row == "singles":
            plans = [[self._task("work", number)] for number in tasks]
            await self._submit(plans, callers=SINGLE_CALLERS)
        else:
            await self._submit(self._plans("work", tasks, self.order.swarm_tasks), callers=CALLERS)

    @override
    async def enqueue_naps(self, tasks: Sequence[int]) -> None:
        await self._submit(self._plans("nap", tasks, AGENTS), callers=CALLERS)

    @override
    async def answer(self, task: int) -> None:
        swarm = await self._fleet.submit("Answer", [self._task("work", task)])
        self._swarms.append(swarm)
        await swarm.result()

    @override
    async def run_dags(self, number: int) -> None:
        began = len(self._swarms)
        await self._submit([self._dag(dag) for dag in range(number)], callers=CALLERS)
        await asyncio.gather(*(swarm.result() for swarm in self._swarms[began:]))

    @override
    async def stored(self) -> int:
        return (await self._counts())["succeeded"]

    @override
    async def pending(self) -> int:
        counts = await self._counts()
        return counts.total() - counts["succeeded"]

    @override
    async def faults(self) -> Sequence[str]:
        faults = [await _faults(swarm) for swarm in self._swarms[:LOGS_READ]]
        return [fault for found in faults for fault in found]

    @override
    def plays(self) -> Mapping[str, Callable[[], Awaitable[Figures]]]:
        return {
            "steps": self._steps,
            "fair": self._fair,
            "idle": self._idle,
            "crowd": self._crowd,
            "messages": self._messages,
            **dict.fromkeys(FLEETS, self._idle_fleet),
        }

    async def _messages(self) -> Figures:
        """See `bench.own.fleets.messages`."""
        return await fleets.messages(self.order, self._fleet)

    async def _idle_fleet(self) -> Figures:
        """See `bench.own.fleets.idle_fleet`."""
        return await fleets.idle_fleet(self.order, self._fleet)

    async def _steps(self) -> Figures:
        """Have an agent take steps and time them."""
        await self.begin()
        swarm = await self._fleet.submit("Take steps", [self._task("steps", self.order.count)])
        taken = cast("list[float]", await swarm.result())
        return percentiles("step", taken)

    async def _fair(self) -> Figures:
        """Submit three tasks beside a large swarm that has all slots, and see when they start."""
        await self.begin()
        crowd = self.order.count
        few = range(crowd, crowd + 3)
        many = [self._task("nap", number) for number in range(crowd)]
        await self._fleet.submit("Crowd", many, max_agents=AGENTS)
        await self.ran(2 * self.slots)
        asked = monotonic()
        await self._fleet.submit("Few", [self._task("nap", number) for number in few])
        while not (began := [run.began for run in self._runs() if run.task in few]):
            await asyncio.sleep(POLL_S)
        return {"fair_start": (began[0] - asked) * 1000}

    async def _idle(self) -> Figures:
        """Weigh swarms that wait for a worker, and count the connections of one that comes."""
        before = self._stored_bytes()
        own = self._connections()
        plans = [[self._task("work", number)] for number in range(self.order.count)]
        await self._submit(plans, callers=CALLERS)
        grown = self._stored_bytes() - before
        await self.begin()
        figures = {"idle_swarm": grown / self.order.count}
        if self.order.url:
            figures["connections"] = max(own, self._connections() - own)
        return figures

    async def _crowd(self) -> Figures:
        """Time claims of one task: with one swarm in the store, then in a crowd of them."""
        many = [self._task("work", number) for number in range(CLAIMS)]
        await self._fleet.submit("Alone", many, queue="alone", max_agents=AGENTS)
        alone_s = await self._claimed("alone")
        idle = [self._task("work", 0, delay_s=ASLEEP_S)]
        await self._submit((idle for _ in range(self.order.count)), callers=SINGLE_CALLERS)
        few = [self._task("work", number) for number in range(CLAIMS // ELIGIBLE)]
        await self._submit((few for _ in range(ELIGIBLE)), callers=CALLERS)
        crowd_s = await self._claimed("default")
        return {
            "claim_alone": alone_s * 1e6,
            "claim_crowd": crowd_s * 1e6,
            "claim_growth": crowd_s / alone_s,
        }

    async def _claimed(self, queue: str) -> float:
        """Claim task after task of a queue; gives the median of the time that one takes."""
        needs = self._task("work", 0).needs
        offer = Offer(
            worker=WorkerId(IDENTITY), queues=frozenset({queue}), capabilities=frozenset(needs)
        )
        taken: list[float] = []
        for _ in range(CLAIMS):
            before = monotonic()
            (_,) = await self._fleet.store.work.claim(offer, limit=1)
            taken.append(monotonic() - before)
        return median(taken)

    def _stored_bytes(self) -> float:
        """What the store takes: memory of the server, or the file and its log."""
        if self._server is not None:
            return float(self._server.info("memory")["used_memory"])
        return sum(file.stat().st_size for file in Path(self.order.folder).glob("skep.db*"))

    def _connections(self) -> int:
        """The connections to the server, but for the one that asks."""
        return len(self._server.client_list()) - 1 if self._server is not None else 0

    def _runs(self) -> Sequence[ledger.Run]:
        return ledger.runs(self.order.ledger)

    async def _counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for swarm in self._swarms:
            found.update({str(status): n for status, n in (await swarm.state()).counts.items()})
        return found

    async def _submit(self, plans: Iterable[Sequence[skep.TaskSpec]], *, callers: int) -> None:
        """Submit plans from so many callers at once, each waiting for its answer."""
        left = iter(plans)

        async def call() -> None:
            for plan in left:
                agents = min(len(plan), AGENTS)
                self._swarms.append(await self._fleet.submit("Work", plan, max_agents=agents))

        await asyncio.gather(*(call() for _ in range(callers)))

    def _plans(
        self, agent: str, tasks: Sequence[int], size: int
    ) -> Iterable[Sequence[skep.TaskSpec]]:
        for first in range(0, len(tasks), size):
            yield [self._task(agent, number) for number in tasks[first : first + size]]

    def _dag(self, dag: int) -> Sequence[skep.TaskSpec]:
        width = self.order.depth
        first = dag * (width + 2)
        root = self._task("work", first)
        leaves = [self._task("work", first + 1 + leaf, after=[root]) for leaf in range(width)]
        return [root, *leaves, self._task("work", first + width + 1, after=leaves)]

    def _task(
        self,
        agent: str,
        number: int,
        *,
        after: Sequence[skep.TaskSpec] = (),
        delay_s: float = 0.0,
    ) -> skep.TaskSpec:
        told: dict[str, Json] = {"number": number, "payload": self.order.payload}
        if agent == "nap":
            told["seconds"] = self.order.seconds
        return skep.TaskSpec(
            key=skep.TaskKey(str(number)),
            agent=agent,
            kind=skep.AgentKind.FUNCTION,
            input=told,
            after=tuple(task.key for task in after),
            delay_s=delay_s,
        )


async def _faults(swarm: skep.SwarmHandle) -> Sequence[str]:
    """Read a log back: dense, and no task with two outcomes."""
    events = [event async for event in swarm.events(follow=False)]
    succeeded = Counter(event.task for event in events if event.kind == "task.succeeded")
    faults = [f"{task} succeeded {n} times" for task, n in succeeded.items() if n > 1]
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        faults.append(f"the log of {swarm.id} is not dense")
    return faults


if __name__ == "__main__":
    main(Skep)
