"""`skep fleet status`: what the fleet of a store comes to, at one look."""

from collections.abc import Sequence
from typing import Final

from skep.cli.documents import write_json
from skep.cli.options import COMMON, Common
from skep.cli.screen import Screen, clean, counted, open_screen
from skep.compose import open_fleet, system_clock
from skep.hive.capacity import Room
from skep.policy.hosting import is_absent
from skep.records.directory import Statistics
from skep.records.node import Node
from skep.records.values import Json
from skep.settings import read_settings

TALLIED: Final = (
    ("recoveries", "recovered"),
    ("tasks_distributed", "tasks placed"),
    ("messages_sent", "messages sent"),
    ("state_errors", "failed copies"),
)


async def status(*, common: Common = COMMON) -> int:
    """Show how many swarms there are and where they stand, the nodes, and what was counted.

    From nine tenths of SKEP_SWARMS_MAX on it warns.
    """
    settings = read_settings(store=common.store)
    async with open_fleet(settings) as fleet:
        figures = await fleet.registry.statistics()
        nodes = await fleet.store.census.nodes()
    room, now = Room(live=figures.live, allowed=settings.swarms_max), system_clock().now()
    if common.json:
        write_json(status_json(figures, nodes, room=room, now=now))
    else:
        _print(open_screen(), figures, nodes, room=room, now=now)
    return 0


def status_json(
    figures: Statistics, nodes: Sequence[Node], *, room: Room, now: float
) -> dict[str, Json]:
    """Write the state of a fleet for programs; docs/fleet.md has the schema."""
    present = sum(not is_absent(node.until, now=now) for node in nodes)
    return {
        "registered": figures.registered,
        "live": figures.live,
        "allowed": room.allowed,
        "scarce": room.is_scarce,
        "by_status": {str(status): count for status, count in figures.by_status.items()},
        "archived": figures.archived,
        **{name: getattr(figures, name) for name, _ in TALLIED},
        "nodes": {"present": present, "absent": len(nodes) - present},
        "hosted": sum(node.swarms for node in nodes),
    }


def _print(
    screen: Screen, figures: Statistics, nodes: Sequence[Node], *, room: Room, now: float
) -> None:
    out = screen.out
    stands = sorted(figures.by_status.items())
    where = ", ".join(f"{count:,} {status}" for status, count in stands) or "none"
    out.print(f"Swarms   {where}", soft_wrap=True)
    out.print(
        f"         {figures.live:,} live of {room.allowed:,} allowed,"
        f" {figures.registered:,} registered ever, {figures.archived:,} archived",
        soft_wrap=True,
    )
    absent = [clean(node.id) for node in nodes if is_absent(node.until, now=now)]
    gone = f", absent: {', '.join(absent)}" if absent else ""
    hosts = sum(node.swarms for node in nodes)
    present = counted(len(nodes) - len(absent), "node")
    out.print(f"Nodes    {present} present, {hosts:,} swarms hosted{gone}", soft_wrap=True)
    told = ", ".join(f"{getattr(figures, name):,} {words}" for name, words in TALLIED)
    out.print(f"Counted  {told}", soft_wrap=True)
    if room.is_scarce:
        screen.err.print(
            "The fleet is nearly full: let some swarms end, or set SKEP_SWARMS_MAX.", style="yellow"
        )
