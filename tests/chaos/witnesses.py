"""The evidence is gathered: from the ledgers, and from the store's public reading ports."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Final

from tests.chaos.evidence import Call, Evidence, Fates, Seen, Wanted
from tests.chaos.ledger import read_ledger

from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.records.swarm import Swarm
from skep.settings import Settings

PAGE: Final = 100

CALLS: Final = {"start": "ask", "paid": "pay", "repeat": "pay", "sent": "letter"}
"""Which kind of call a line of the world's ledgers tells of."""


async def gather(settings: Settings, folder: Path) -> Evidence:
    """Read everything there is to judge by."""
    # In this order, so that it can be read while all go on: the calls before the deaths that
    # excuse them, and what the store has before what was wanted.
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    for call in _calls(folder):
        calls[call.key].append(call)
    async with open_fleet(settings) as fleet:
        swarms = [await _seen(fleet, swarm) async for swarm in _swarms(fleet)]
    wanted = {each.swarm: each for each in _wanted(folder)}
    paid = Counter(
        line["key"] for line in read_ledger(folder / "payments.ledger") if line["kind"] == "paid"
    )
    return Evidence(wanted=wanted, calls=calls, paid=paid, swarms=swarms, fates=fates_in(folder))


def fates_in(folder: Path) -> Fates:
    """Read what became of the lives."""
    killed, ended = dict[str, float](), dict[str, int]()
    frozen: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in read_ledger(folder / "kills.ledger"):
        life = line["life"]
        match line["kind"]:
            case "killed":
                killed[life] = line["at"]
            case "frozen":
                frozen[life].append((line["at"], inf))
            case "thawed" if frozen[life]:
                frozen[life][-1] = (frozen[life][-1][0], line["at"])
            case "ended":
                ended[life] = line["code"]
            case _:
                pass
    return Fates(killed=killed, frozen=frozen, ended=ended)


def _wanted(folder: Path) -> Iterator[Wanted]:
    lines = [line for path in sorted(folder.glob("s*.ledger")) for line in read_ledger(path)]
    acknowledged = {line["swarm"] for line in lines if line["kind"] == "acknowledged"}
    for line in lines:
        if line["kind"] == "wanted":
            yield Wanted(
                swarm=line["swarm"],
                shape=line["shape"],
                n=line["n"],
                is_acknowledged=line["swarm"] in acknowledged,
            )


def _calls(folder: Path) -> Iterator[Call]:
    for name in ("provider", "payments", "letters"):
        for line in read_ledger(folder / f"{name}.ledger"):
            if line["kind"] in CALLS:
                yield Call(
                    kind=CALLS[line["kind"]],
                    key=line["key"],
                    life=line["life"],
                    attempt=line["attempt"],
                    asked_at=line["asked_at"],
                    swarm=line["objective"],
                    task=line["task"],
                )


async def _swarms(fleet: Fleet) -> AsyncIterator[Swarm]:
    """Page through all swarms of the store."""
    page: Sequence[Swarm] = await fleet.swarms(limit=PAGE)
    while page:
        for swarm in page:
            yield swarm
        page = await fleet.swarms(before=page[-1].id, limit=PAGE)


async def _seen(fleet: Fleet, swarm: Swarm) -> Seen:
    handle = fleet.swarm(swarm.id)
    tasks = {str(task.ref.key): task for task in await handle.tasks()}
    events = [event async for event in handle.events(follow=False)]
    return Seen(swarm=await handle.state(), tasks=tasks, events=events)
