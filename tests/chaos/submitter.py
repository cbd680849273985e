"""A submitter: hands swarms in, repeats what was not answered, and is the person who retries.

    python -m tests.chaos.submitter NAME TOLD

What it wants is in its ledger before it asks, and what was acknowledged before it goes on. So
its next life knows which calls to repeat, and the oracle what Skep has accepted.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.ledger import Ledger, read_ledger
from tests.chaos.plans import plan_of

from skep.compose import open_fleet
from skep.drivers.system import SystemChance
from skep.hive.fleet import Fleet
from skep.records.errors import StoreUnavailable
from skep.records.swarm import ENDED
from skep.records.task import TaskStatus
from skep.settings import read_settings

REST_S: Final = 0.1
AGENTS_MAX: Final = 60
WIDE_AT: Final = 4


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the rig tells a submitter."""

    folder: str
    store: str
    seed: int
    until: float
    live_swarms: int
    shapes: list[str]
    wide_every: int

    def shape(self, count: int) -> str:
        """The shape of the plan of this number."""
        if self.wide_every and count % self.wide_every == WIDE_AT:
            return "wide"
        return self.shapes[count % len(self.shapes)]


class Submitter:
    """One submitter in one of its lives."""

    def __init__(self, name: str, told: Told) -> None:
        path = Path(told.folder) / f"{name}.ledger"
        self._name = name
        self._told = told
        lines = read_ledger(path)
        self._wanted = {line["swarm"]: line for line in lines if line["kind"] == "wanted"}
        ended = {line["swarm"] for line in lines if line["kind"] == "ended"}
        self._live = [swarm for swarm in self._wanted if swarm not in ended]
        acknowledged = {line["swarm"] for line in lines if line["kind"] == "acknowledged"}
        self._unanswered = [swarm for swarm in self._wanted if swarm not in acknowledged]
        self._ledger = Ledger(path)

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be handed in, and all that was has ended."""
        return time.time() >= self._told.until and not self._live

    async def tick(self, fleet: Fleet) -> None:
        """Hand in what is wanted, and look after what lives."""
        while self._unanswered:
            await self._submit(fleet, self._unanswered[0])
            self._unanswered.pop(0)
        if time.time() < self._told.until and len(self._live) < self._told.live_swarms:
            self._want()
            return
        for swarm in list(self._live):
            await self._tend(fleet, swarm)
        await asyncio.sleep(REST_S)

    def _want(self) -> None:
        count = len(self._wanted)
        chance = random.Random(f"{self._told.seed}/{self._name}/{count}")
        wanted = {
            "swarm": SystemChance().uuid(),
            "shape": self._told.shape(count),
            "n": chance.randrange(1000),
        }
        self._ledger.line(kind="wanted", **wanted)
        self._wanted[wanted["swarm"]] = wanted
        self._live.append(wanted["swarm"])
        self._unanswered.append(wanted["swarm"])

    async def _submit(self, fleet: Fleet, swarm: str) -> None:
        wanted = self._wanted[swarm]
        plan = plan_of(wanted["shape"], wanted["n"])
        await fleet.submit(swarm, plan, swarm=swarm, max_agents=AGENTS_MAX)
        self._ledger.line(kind="acknowledged", swarm=swarm)

    async def _tend(self, fleet: Fleet, swarm: str) -> None:
        handle = fleet.swarm(swarm)
        state = await handle.state()
        if state.status in ENDED:
            self._ledger.line(kind="ended", swarm=swarm)
            self._live.remove(swarm)
        elif state.counts[TaskStatus.BLOCKED]:
            tasks = await handle.tasks()
            blocked = [task.ref.key for task in tasks if task.status is TaskStatus.BLOCKED]
            self._ledger.line(kind="retried", swarm=swarm, tasks=blocked)
            await handle.retry(blocked)


async def main(name: str, told: Told) -> None:
    """Go on until all is done; a store that does not answer is asked again."""
    submitter = Submitter(name, told)
    settings = read_settings(store=told.store, folder=Path(told.folder))
    while not submitter.is_done:
        try:
            async with open_fleet(settings) as fleet:
                while not submitter.is_done:
                    await submitter.tick(fleet)
        except StoreUnavailable as error:
            print(repr(error), file=sys.stderr, flush=True)  # noqa: T201 - the log of this life
            await asyncio.sleep(REST_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Told(**json.loads(sys.argv[2]))))
