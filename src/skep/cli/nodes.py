"""`skep fleet nodes`: the processes that share a store, and the swarms that each one hosts."""

from collections.abc import Sequence

from rich.table import Table

from skep.cli.documents import write_json
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet, system_clock
from skep.policy.hosting import is_absent
from skep.records.node import Node
from skep.records.values import Json
from skep.settings import read_settings


async def nodes(*, common: Common = COMMON) -> int:
    """Show the nodes of the fleet: where each runs, what it offers, and when it was last heard of.

    One that missed three beats is absent; the next process that beats forgets it, and brings back
    the swarms that it hosted.
    """
    async with open_fleet(read_settings(store=common.store)) as fleet:
        known = await fleet.store.census.nodes()
    now = system_clock().now()
    if common.json:
        write_json({"nodes": [node_json(node, now) for node in known]})
        return 0
    out = open_screen().out
    if not known:
        out.print("No process works here. Start one: skep work")
        return 0
    show(out, _table(known, now))
    return 0


def node_json(node: Node, now: float) -> dict[str, Json]:
    """Write a node for programs; moments are the store's."""
    return {
        "node": node.id,
        "host": node.host,
        "pid": node.pid,
        "boot": node.boot,
        "present": not is_absent(node.until, now=now),
        "swarms": node.swarms,
        "slots": node.slots,
        "queues": [*node.queues],
        "capabilities": [*node.capabilities],
        "heartbeat_s": node.heartbeat_s,
        "started_at": node.started_at,
        "beat_at": node.beat_at,
        "until": node.until,
    }


def _table(known: Sequence[Node], now: float) -> Table:
    table = plain_table("node", "host", ">pid", "state", "last beat", ">hosts", ">slots")
    table.add_column("queues", overflow="fold")
    for node in known:
        state = "absent" if is_absent(node.until, now=now) else "present"
        table.add_row(
            clean(node.id),
            clean(node.host),
            str(node.pid),
            state,
            local_time(node.beat_at),
            str(node.swarms),
            str(node.slots),
            clean(", ".join(node.queues)),
        )
    return table
