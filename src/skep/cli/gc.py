"""`skep gc`: forget swarms that ended long ago, and give back the room they took."""

from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter
from rich.text import Text

from skep.cli.checks_sqlite import sized
from skep.cli.documents import swarm_json, write_json
from skep.cli.ids import short
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, counted, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import check_shared, open_fleet, system_clock
from skep.hive.caretaker import Caretaker, Tidied
from skep.records.duration import seconds
from skep.records.swarm import Swarm
from skep.records.values import Json
from skep.settings import read_settings

KEPT_FOR: Final = "8d"
"""A day in which a swarm is still looked at, and a week after it."""

LISTED_MAX: Final = 1_000


async def gc(
    *,
    older_than: Annotated[
        str,
        Parameter(
            metavar="TIME", help="How long ago a swarm must have ended: 8d, 12h, 30m. Default: 8d."
        ),
    ] = KEPT_FOR,
    dry_run: Annotated[
        bool, Parameter(help="Say which swarms would go, and remove nothing.")
    ] = False,
    common: Common = COMMON,
) -> int:
    """Forget swarms that ended long ago, and contents that nothing refers to.

    A swarm that is live is never forgotten, however old it is. Reports and artefacts that were
    written to `.skep/swarms` stay.
    """
    settings, keep_s, clock = read_settings(store=common.store), seconds(older_than), system_clock()
    check_shared(settings)
    async with open_fleet(settings) as fleet:
        retention = fleet.store.retention
        if dry_run:
            due = await retention.due(clock.now() - keep_s, limit=LISTED_MAX)
            _would_go(due, older_than, as_json=common.json)
            return 0
        caretaker = Caretaker(retention=retention, clock=clock, keep_s=keep_s)
        tidied = await _watched(caretaker)
    _tell(tidied, older_than, as_json=common.json)
    return 0


async def _watched(caretaker: Caretaker) -> Tidied:
    """Have it done, with a line on a terminal that says how far it has come."""
    tidied = Tidied()
    with open_screen().err.status("Looking for what ended long ago") as status:
        async for tidied in caretaker.pieces():
            status.update(
                f"Forgot {counted(tidied.swarms, 'swarm')} ({tidied.records} records cleared),"
                f" dropped {counted(tidied.contents, 'content')}"
            )
    return tidied


def _would_go(due: Sequence[Swarm], older_than: str, *, as_json: bool) -> None:
    if as_json:
        swarms: list[Json] = [swarm_json(swarm) for swarm in due]
        write_json({"dry_run": True, "older_than_s": seconds(older_than), "swarms": swarms})
        return
    out, table = open_screen().out, plain_table("swarm", "status", ">tasks", "ended", "objective")
    for swarm in due:
        ended = local_time(swarm.ended_at or 0.0)
        objective = Text(clean(swarm.request.objective), no_wrap=True, overflow="ellipsis")
        table.add_row(short(swarm.id), swarm.status, str(swarm.tasks_total), ended, objective)
    if due:
        show(out, table)
    count = counted(len(due), "swarm", suffix=" or more" if len(due) == LISTED_MAX else "")
    out.print(f"{count} ended more than {older_than} ago; nothing was removed.")


def _tell(tidied: Tidied, older_than: str, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "dry_run": False,
                "older_than_s": seconds(older_than),
                "forgotten": tidied.swarms,
                "records": tidied.records,
                "contents": tidied.contents,
                "content_bytes": tidied.content_bytes,
                "given_back_bytes": tidied.given_back_bytes,
            }
        )
        return
    out = open_screen().out
    out.print(
        f"Forgot {counted(tidied.swarms, 'swarm')} that ended more than {older_than} ago, and"
        f" {counted(tidied.contents, 'content')} ({sized(tidied.content_bytes)}) that nothing"
        " refers to.",
        soft_wrap=True,
    )
    if tidied.given_back_bytes:
        out.print(f"The file is {sized(tidied.given_back_bytes)} smaller.")
