"""`skep swarm export` and `skep swarm import`: a whole swarm in one file, and back.

Not to be taken for `skep swarm artifacts`, which writes what tasks left behind, or for
`skep store backup`, which copies all swarms of a store.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skep.cli.checks_sqlite import sized
from skep.cli.documents import write_json
from skep.cli.export import checked_out
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import clean, counted, open_screen
from skep.compose import open_fleet
from skep.hive.carrying import Carried, export_swarm, import_swarm
from skep.records.values import Json
from skep.settings import read_settings


async def export(
    swarm: SwarmName,
    /,
    *,
    out: Annotated[str, Parameter(name=("--out", "-o"), metavar="FILE", help="The file to write.")],
    common: Common = COMMON,
) -> int:
    """Write a whole swarm to one file, as it is at one moment, while it is worked on.

    The file holds prompts, answers and results: only you may read it. It can be imported into any
    store, or looked into with unzip.
    """
    target = checked_out(out)
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        carried = await export_swarm(fleet.state, handle.id, target)
    if common.json:
        write_json(_json(carried, out))
        return 0
    open_screen().out.print(
        f"Exported {short(carried.of)} to {clean(out)}: {counted(carried.tasks, 'task')},"
        f" {counted(carried.seq, 'event')}, {counted(carried.contents, 'content')},"
        f" {sized(carried.size_bytes)}.",
        soft_wrap=True,
    )
    return 0


async def import_file(
    file: Annotated[str, Parameter(help="A file that `skep swarm export` wrote.")],
    /,
    *,
    new: Annotated[
        bool, Parameter(help="Make a new swarm, also where its own id is free.")
    ] = False,
    common: Common = COMMON,
) -> int:
    """Make a swarm from an exported file: under its own id if that is free here, else a new one.

    A file that was cut, damaged or changed is refused, and nothing of it is stored. Import what you
    trust: its tasks will be worked on.
    """
    async with open_fleet(read_settings(store=common.store)) as fleet:
        carried = await import_swarm(fleet.state, Path(file), is_new=new)
    if common.json:
        write_json(_json(carried, file))
        return 0
    screen = open_screen()
    as_new = "" if carried.swarm == carried.of else f", a copy of {short(carried.of)}"
    screen.out.print(
        f"Imported swarm {carried.swarm}{as_new}: {counted(carried.tasks, 'task')},"
        f" {counted(carried.contents, 'content')}.",
        soft_wrap=True,
    )
    screen.out.print(f"Next    skep swarm show {short(carried.swarm)}", soft_wrap=True)
    return 0


def _json(carried: Carried, file: str) -> dict[str, Json]:
    return {
        "file": str(Path(file).absolute()),
        "swarm": carried.swarm,
        "of": carried.of,
        "seq": carried.seq,
        "tasks": carried.tasks,
        "contents": carried.contents,
        "bytes": carried.size_bytes,
    }
