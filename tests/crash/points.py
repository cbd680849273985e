"""A worker that works on one swarm, counts the boundaries it crosses, and kills itself at one.

A life of the nest (`nest.py`). Told by its environment: POINT_STORE, POINT_SWARM and POINT_QUEUE,
and in POINT_KILL at which boundary to die, counted from 1; 0 for none. The boundaries of a step are
before its intent, after it, after its call, and before and after its record, and entries that are
stored by one operation have theirs together; those of an attempt are after its claim, and before
and after it is settled. In `boundaries` it writes each one down as it crosses it,
and each call as it makes it; at the end, in `ending.json`, what the swarm came to.
"""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from skep.agent.journal import Bill, Pace, RunJournal, TextCall
from skep.compose import WorkerOptions, open_fleet, working
from skep.ports.store import Store
from skep.records.errors import IdentityInUse
from skep.records.ids import WorkerId
from skep.records.lease import Grant
from skep.records.outcome import Settlement
from skep.records.step import Effect, Entry, Intent, Record
from skep.records.values import Json
from skep.settings import read_settings

BOUNDARIES: Final = "boundaries"
ENDING: Final = "ending.json"
TOGETHER: Final = " + "
"""Between the entries of one operation."""
DONE: Final = 0
HELD: Final = 75
"""A tool's git that the killed life had just forked may hold its lock for a moment."""


@dataclass
class Points:
    """Counts boundaries, and kills this process at one of them."""

    file: int
    kill_at: int
    crossed: int = 0

    def cross(self, boundary: str) -> None:
        """Cross a boundary, or die at it."""
        self.crossed += 1
        self.note(boundary)
        if self.crossed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, what: str) -> None:
        """Write down what is no boundary, but tells of one."""
        os.write(self.file, f"{what}\n".encode())


def main() -> int:
    """Work on the swarm until it ends."""
    file = os.open(BOUNDARIES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    points = Points(file=file, kill_at=int(os.environ["POINT_KILL"]))
    if os.environ.get("POINT_FORGETS"):
        forget()
    try:
        return asyncio.run(_work(points))
    except IdentityInUse:
        return HELD


async def _work(points: Points) -> int:
    settings = read_settings(store=os.environ["POINT_STORE"])
    queue, swarm = os.environ["POINT_QUEUE"], os.environ["POINT_SWARM"]
    options = WorkerOptions(slots=1, queues=frozenset({queue}), identity=WorkerId(f"w.{queue}"))
    async with open_fleet(settings) as fleet:
        _watch_steps(points, fleet.store)
        _watch_attempts(points, fleet.store)
        async with working(fleet, settings, options):
            handle = fleet.swarm(swarm)
            await handle.result()
        state, report = await handle.state(), await handle.report()
    ending = {
        "report": report,
        "spent": state.purse.spent.requests,
        "lost": state.purse.lost.requests,
        "open": state.purse.open,
    }
    Path(ENDING).write_text(json.dumps(ending))
    return DONE


def _watch_steps(points: Points, store: Store) -> None:
    write, step = store.journal.write, RunJournal.text_step

    async def written(entries: Sequence[Entry]) -> Any:
        names = (f"{_kind(entry)} {entry.token.task}/{entry.key}" for entry in entries)
        together = TOGETHER.join(names)
        points.cross(f"before {together}")
        answers = await write(entries)
        points.cross(f"after {together}")
        return answers

    async def stepped(
        self: RunJournal,
        key: str,
        request: Json,
        call: TextCall,
        *,
        effect: Effect,
        bill: Bill | None = None,
        pace: Pace = Pace.SYNCED,
    ) -> str:
        task = self._token.task  # pyright: ignore[reportPrivateUsage] - whose step it is

        async def called() -> str:
            points.note(f"call {task}/{key}")
            text = await call()
            points.cross(f"after call {task}/{key}")
            return text

        return await step(self, key, request, called, effect=effect, bill=bill, pace=pace)

    _replace(store.journal, "write", written)
    _replace(RunJournal, "text_step", stepped)


def _watch_attempts(points: Points, store: Store) -> None:
    claim, settle = store.work.claim, store.work.settle

    async def claimed(*args: Any, **kwargs: Any) -> Sequence[Grant]:
        grants = await claim(*args, **kwargs)
        for grant in grants:
            points.cross(f"after claim {grant.token.task}")
        return grants

    async def settled(settlements: Sequence[Settlement]) -> Any:
        names = [f"settle {settlement.token.task}" for settlement in settlements]
        for name in names:
            points.cross(f"before {name}")
        verdicts = await settle(settlements)
        for name in names:
            points.cross(f"after {name}")
        return verdicts

    _replace(store.work, "claim", claimed)
    _replace(store.work, "settle", settled)


def forget() -> None:
    """Break the journal: what it found recorded is not used, and the call is made again."""

    async def replay(self: RunJournal) -> int:
        return 0

    announce = RunJournal._announce  # pyright: ignore[reportPrivateUsage] - to break it

    async def announce_and_forget(self: RunJournal, *args: Any, **kwargs: Any) -> None:
        await announce(self, *args, **kwargs)

    _replace(RunJournal, "replay", replay)
    _replace(RunJournal, "_announce", announce_and_forget)


def _replace(owner: object, name: str, made: Callable[..., Awaitable[Any]]) -> None:
    setattr(owner, name, made)


def _kind(entry: Entry) -> str:
    match entry:
        case Intent():
            return "intent"
        case Record():
            return "record"
        case _:
            return "lapse"
