"""The rows of the fleet: messages as fast as they go, and idle swarms over four processes.

A fleet has the client's process and three keepers (`python -m bench.own.fleets`), which make a
share of the swarms each and read their mail until they are told to end.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import IO, Any, Final

from redis import Redis

from bench.stage.contestant import Figures, Stopwatch
from bench.stage.engine import percentiles
from bench.stage.order import Order, order
from bench.stage.workers import module, rss_bytes
from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.records.ids import SwarmId
from skep.records.limits import TAKE_MAX
from skep.records.message import Address, Message, MessageId
from skep.records.swarm import Mode, Plan, SwarmRequest, SwarmStatus
from skep.settings import read_settings

STANDING: Final = Plan(tasks=(), sealed=False)
PAYLOAD: Final = "x" * 100
TEAM: Final = 64
"""Swarms that write to each other in the row of messages."""

SENDERS: Final = 4
AT_ONCE: Final = 128
IDLE: Final = 200
"""Messages, one after the other, whose way is timed; and pages that are read."""

KEEPERS: Final = 3
CALLERS: Final = 32
PHASES: Final = ("plan", "build", "check", "ship")
PAGE: Final = 50


async def messages(asked: Order, fleet: Fleet) -> Figures:
    """Send, take and acknowledge messages between swarms; then time single ones on idle swarms."""
    swarms = [await fleet.submit(f"Team {number}", STANDING) for number in range(TEAM)]
    boxes = [Address(swarm=SwarmId(swarm.id)) for swarm in swarms]
    watch = Stopwatch()
    taking = asyncio.create_task(_taken(fleet, boxes, asked.count))
    shares = [range(first, asked.count, SENDERS) for first in range(SENDERS)]
    await asyncio.gather(*(_send(fleet, boxes, share) for share in shares))
    await taking
    rate = asked.count / watch.s
    handled = await _idle_ways(fleet, [box.swarm for box in boxes])
    return {"messages": rate, **percentiles("message", handled)}


async def idle_fleet(asked: Order, fleet: Fleet) -> Figures:
    """Have so many idle swarms in a fleet of four processes, and see what they cost."""
    client: Any = Redis
    server = client.from_url(asked.url)
    name, before = asked.row.replace("-", "_"), server.info("memory")["used_memory"]
    own = len(server.client_list()) - 1  # but for the one that asks
    share, rest = divmod(asked.count, KEEPERS + 1)
    keepers = [Keeper(asked, share) for _ in range(KEEPERS)]
    mine = await keep(fleet, share + rest, {})
    theirs = [swarm for keeper in keepers for swarm in keeper.swarms()]
    grown = server.info("memory")["used_memory"] - before
    connections = max(own, (len(server.client_list()) - 1 - own) / KEEPERS)
    pages = [await _page(fleet) for _ in range(IDLE)]
    for _ in range(IDLE):
        to = random.choice(theirs)  # noqa: S311 - spreads load
        await fleet.messenger(mine[0]).send(to, "note", monotonic())
        await asyncio.sleep(0.01)
    ways = [way for keeper in keepers for way in keeper.end()]
    figures = percentiles("page", pages) | percentiles("message", ways)
    return {
        f"{name}_connections": connections,
        f"{name}_swarm": grown / asked.count,
        f"{name}_keeper": max(keeper.grown for keeper in keepers) / share,
        f"{name}_page_p99": figures["page_p99"],
        f"{name}_message_p50": figures["message_p50"],
        f"{name}_message_p99": figures["message_p99"],
    }


async def keep(fleet: Fleet, number: int, ways: dict[str, list[float]]) -> Sequence[str]:
    """Make idle swarms and read their mail, which is timed; gives the swarms."""
    found, left = list[str](), iter(range(number))

    def handled(sent_at: object, envelope: Message) -> None:
        ways.setdefault(envelope.to.swarm, []).append(monotonic() - float(str(sent_at)))

    async def call() -> None:
        for place in left:
            metadata = {"phase": PHASES[place % len(PHASES)]}
            request = SwarmRequest(objective="Stand by", metadata=metadata, mode=Mode.MESH)
            swarm = await fleet.registry.register(request, STANDING)
            fleet.messenger(swarm).on_message("note", handled)
            found.append(swarm)

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return found


class Keeper:
    """A process that keeps a share of the swarms."""

    def __init__(self, asked: Order, number: int) -> None:
        self._process = subprocess.Popen(
            [*module(__name__), str(number)],
            env=asked.as_environment(),
            cwd=asked.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.grown = 0.0

    def swarms(self) -> Sequence[str]:
        """Wait until it has its swarms; gives them."""
        told = json.loads(self._pipe(self._process.stdout).readline())
        self.grown = told["grown"]
        return told["swarms"]

    def end(self) -> Sequence[float]:
        """Have it end; gives how long messages were on their way to its swarms, in seconds."""
        said, _ = self._process.communicate("end\n", timeout=30)
        return json.loads(said.splitlines()[-1])

    @staticmethod
    def _pipe(pipe: "IO[str] | None") -> "IO[str]":
        assert pipe is not None
        return pipe


async def kept(asked: Order, number: int) -> None:
    """Be a keeper."""
    settings = read_settings(store=asked.url, folder=Path(asked.folder))
    async with open_fleet(settings) as fleet:
        ways, before = dict[str, list[float]](), rss_bytes()
        swarms = await keep(fleet, number, ways)
        print(json.dumps({"swarms": swarms, "grown": rss_bytes() - before}), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps([way for of in ways.values() for way in of]), flush=True)


async def _send(fleet: Fleet, boxes: Sequence[Address], numbers: Sequence[int]) -> None:
    for first in range(0, len(numbers), AT_ONCE):
        letters = [_letter(boxes, number) for number in numbers[first : first + AT_ONCE]]
        await fleet.store.mailbox.send(letters)


def _letter(boxes: Sequence[Address], number: int) -> Message:
    return Message(
        id=MessageId(f"m{number}"),
        sender=boxes[(number * 7 + number // TEAM) % TEAM],
        to=boxes[number % TEAM],
        type="note",
        payload=PAYLOAD,
    )


async def _taken(fleet: Fleet, boxes: Sequence[Address], number: int) -> None:
    mailbox, done = fleet.store.mailbox, 0
    while done < number:
        found = await mailbox.take(boxes, limit=TAKE_MAX, lease_s=15.0, patience_s=1.0)
        if found:
            await mailbox.acknowledge([delivery.token for delivery in found])
            done += len(found)


async def _idle_ways(fleet: Fleet, swarms: Sequence[str]) -> Sequence[float]:
    """Send one message after the other within this process, and time each until it is handled."""
    ways, arrived = list[float](), asyncio.Event()

    def handled(sent_at: object, _: Message) -> None:
        ways.append(monotonic() - float(str(sent_at)))
        arrived.set()

    for swarm in swarms[1:]:
        fleet.messenger(swarm).on_message("note", handled)
    sender = fleet.messenger(swarms[0])
    for number in range(IDLE):
        arrived.clear()
        await sender.send(swarms[1 + number % (len(swarms) - 1)], "note", monotonic())
        await arrived.wait()
        await asyncio.sleep(0.005)
    return ways[10:]


async def _page(fleet: Fleet) -> float:
    phase = random.choice(PHASES)  # noqa: S311 - spreads load
    watch = Stopwatch()
    page = await fleet.registry.get_swarms(status=SwarmStatus.ACTIVE, phase=phase, limit=PAGE)
    assert page.swarms
    return watch.s


if __name__ == "__main__":
    asyncio.run(kept(order(), int(sys.argv[1])))
