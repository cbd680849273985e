"""`skep fleet status` and `skep fleet nodes`: what a fleet comes to, and who is in it."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from rich.console import Console
from rich.table import Table

from skep.cli.documents import write_json
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet, system_clock
from skep.hive.capacity import Room
from skep.hive.statistics import FleetStatistics
from skep.policy.hosting import is_absent
from skep.records.node import Node
from skep.records.values import Json
from skep.settings import read_settings

SHOWN: Final[Mapping[str, str]] = {
    "total_registered": "swarms there ever were",
    "archived": "archived",
    "recoveries_performed": "brought back from a loss",
    "tasks_distributed": "tasks distributed",
    "messages_sent": "messages taken by inboxes",
    "state_errors": "copies that failed",
}


async def status(*, common: Common = COMMON) -> int:
    """Show what the fleet comes to: its swarms by status, its nodes, its leader, and its figures.

    It warns when nine tenths of the swarms that may live at once do.
    """
    settings = read_settings(store=common.store)
    async with open_fleet(settings) as fleet:
        figures = await fleet.get_statistics()
    room = Room(live=figures["registry"]["live"], allowed=settings.swarms_max)
    if common.json:
        write_json(status_json(figures, room))
    else:
        _show(open_screen().out, figures, room)
    return 0


async def nodes(*, common: Common = COMMON) -> int:
    """Show the processes of the fleet: where each runs, what it offers, and when it was heard."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        found = await fleet.store.census.nodes()
    now = system_clock().now()
    if common.json:
        write_json({"nodes": [node_json(node, now=now) for node in found]})
        return 0
    out = open_screen().out
    if found:
        show(out, _table(found, now=now))
    else:
        out.print("No process works on this store; to start one: skep work")
    return 0


def status_json(figures: FleetStatistics, room: Room) -> dict[str, Json]:
    """Write what a fleet comes to for programs; `coordinators` are those of a process."""
    registry, leadership = figures["registry"], figures["leadership"]
    return {
        "registry": cast("dict[str, Json]", dict(registry)),
        "state": figures["state"],
        "leader": leadership["leader"],
        "term": leadership["term"],
        "nodes": figures["nodes"],
        "swarms_max": room.allowed,
        "nearly_full": room.is_scarce,
    }


def node_json(node: Node, *, now: float) -> dict[str, Json]:
    """Write a node for programs."""
    return {
        "node": node.id,
        "host": node.host,
        "pid": node.pid,
        "queues": list[Json](node.queues),
        "capabilities": list[Json](sorted(node.capabilities)),
        "slots": node.slots,
        "swarms": node.swarms,
        "started_at": node.started_at,
        "beat_at": node.beat_at,
        "present": not is_absent(node.until, now=now),
    }


def _show(out: Console, figures: FleetStatistics, room: Room) -> None:
    registry, leadership = figures["registry"], figures["leadership"]
    statuses = ", ".join(f"{count} {name}" for name, count in registry["by_status"].items())
    leader = clean(leadership["leader"] or "nobody yet")
    lines = [
        f"{room.live:,} of {room.allowed:,} swarms live{': ' if statuses else ''}{statuses}",
        f"{figures['nodes']} nodes; led by {leader}, term {leadership['term']}",
    ]
    if room.is_scarce:
        lines.append("It is nearly full: deregister or cancel swarms, or raise SKEP_SWARMS_MAX.")
    for line in lines:
        out.print(line, soft_wrap=True)
    table = plain_table("figure", ">number")
    for name, words in SHOWN.items():
        table.add_row(words, str(dict[str, object](registry)[name]))
    show(out, table)


def _table(found: Sequence[Node], *, now: float) -> Table:
    table = plain_table("node", "host", ">pid", ">slots", ">swarms", "last heard")
    table.add_column("serves", overflow="fold")
    for node in found:
        heard = local_time(node.beat_at)
        if is_absent(node.until, now=now):
            heard = f"{heard}, absent"
        serves = clean(", ".join(node.queues))
        numbers = (str(node.pid), str(node.slots), str(node.swarms))
        table.add_row(clean(node.id), clean(node.host), *numbers, heard, serves)
    return table
