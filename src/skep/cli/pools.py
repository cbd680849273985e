"""`skep fleet resources`: the pools that swarms share, who holds them, and declaring them."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from skep.cli.documents import write_json
from skep.cli.ids import short
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet
from skep.policy.pools import with_unit
from skep.records.errors import SkepError
from skep.records.pool import Allocation, Pool, PoolState
from skep.records.values import Json
from skep.settings import read_settings


async def resources(
    *,
    holders: Annotated[bool, Parameter(help="Show who holds and waits for what.")] = False,
    common: Common = COMMON,
) -> int:
    """Show the pools that swarms share: how much of each is held, and how many wait."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        states = await fleet.store.pools.read()
    if common.json:
        write_json({"pools": [pool_json(state) for state in states]})
        return 0
    out = open_screen().out
    if not states:
        out.print("No pool is declared here; see: skep fleet declare --help")
    elif holders:
        show(out, _holders(states))
    else:
        show(out, _pools(states))
    return 0


async def declare(
    name: Annotated[str, Parameter(help="The pool: cpu, memory, usd, or any name.")],
    capacity: Annotated[int, Parameter(help="How much of it there is, in its unit.")],
    /,
    *,
    unit: Annotated[str, Parameter(metavar="WORDS", help="What it is counted in.")] = "",
    alone: Annotated[
        bool, Parameter(negative="", help="Let one swarm at a time hold parts of it.")
    ] = False,
    common: Common = COMMON,
) -> int:
    """Declare a pool, or change one; what fits then is granted at once to those who wait."""
    pool = Pool(name=name, capacity=capacity, unit=unit, is_shared=not alone)
    async with open_fleet(read_settings(store=common.store)) as fleet:
        [answer] = await fleet.store.pools.declare([pool])
    if isinstance(answer, SkepError):
        raise answer
    if common.json:
        write_json(pool_json(answer))
    else:
        open_screen().out.print(
            f"Pool {name} has {capacity} {clean(with_unit(pool))}".rstrip() + ".", soft_wrap=True
        )
    return 0


def pool_json(state: PoolState) -> dict[str, Json]:
    """Write a pool for programs."""
    return {
        "pool": state.pool.name,
        "capacity": state.pool.capacity,
        "unit": with_unit(state.pool),
        "shared": state.pool.is_shared,
        "allocated": state.allocated,
        "free": state.free,
        "held": [allocation_json(each) for each in state.held],
        "queued": [allocation_json(each) for each in state.queued],
    }


def allocation_json(allocation: Allocation) -> dict[str, Json]:
    """Write an allocation for programs."""
    return {
        "id": allocation.id,
        "amount": allocation.amount,
        "swarm": allocation.swarm,
        "task": allocation.task,
        "priority": allocation.priority,
        "asked_at": allocation.asked_at,
    }


def _pools(states: Sequence[PoolState]) -> Table:
    table = plain_table("pool", ">capacity", ">held", ">free", ">waiting", "unit")
    for state in states:
        pool = state.pool
        figures = (pool.capacity, state.allocated, state.free, len(state.queued))
        unit = clean(with_unit(pool)) + ("" if pool.is_shared else " (one swarm at a time)")
        table.add_row(pool.name, *(f"{figure:,}" for figure in figures), unit.strip())
    return table


def _holders(states: Sequence[PoolState]) -> Table:
    table = plain_table("pool", "state", ">amount", "swarm", "task", "since")
    for state in states:
        for each in (*state.held, *state.queued):
            task, since = clean(each.task or "-"), local_time(each.asked_at)
            amount = f"{each.amount:,}"
            table.add_row(each.pool, each.state, amount, short(each.swarm), task, since)
    return table
