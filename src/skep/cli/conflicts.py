"""`skep fleet conflicts`: disputes between swarms, and settling them."""

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
from skep.hive.conflicts import one
from skep.records.case_codec import case_json
from skep.records.dispute import Case, ConflictRule
from skep.settings import read_settings


async def conflicts(
    *,
    all: Annotated[  # noqa: A002 - the option's name
        bool, Parameter(negative="", help="Show those that are settled as well.")
    ] = False,
    limit: Annotated[int, Parameter(help="How many to show, the newest first.")] = 50,
    common: Common = COMMON,
) -> int:
    """Show disputes between swarms: who wants what, how it stands, and what was ruled."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        cases = await fleet.store.disputes.find(is_open=None if all else True, limit=limit)
    if common.json:
        write_json({"conflicts": [case_json(case) for case in cases]})
        return 0
    out = open_screen().out
    if cases:
        show(out, _table(cases))
    else:
        out.print("There is no dispute." if all else "There is no open dispute.")
    return 0


async def settle(
    dispute: Annotated[str, Parameter(help="The dispute, as `skep fleet conflicts` names it.")],
    /,
    *,
    common: Common = COMMON,
) -> int:
    """Settle a dispute by its rule; settled already, it says what was ruled."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        case = one(await fleet.store.disputes.settle([dispute]))
    if common.json:
        write_json(case_json(case))
    else:
        open_screen().out.print(_stands(case), soft_wrap=True)
    return 0


def _table(cases: Sequence[Case]) -> Table:
    table = plain_table("dispute", "about", "rule", "between", "since")
    table.add_column("stands", overflow="fold")
    for case in cases:
        asked = case.dispute
        between = ", ".join(short(swarm) for swarm in asked.parties)
        since = local_time(case.opened_at)
        table.add_row(clean(asked.id), clean(asked.kind), asked.rule, between, since, _stands(case))
    return table


def _stands(case: Case) -> str:
    if case.ruling is not None:
        return f"{short(case.ruling.winner)} has won: {clean(case.ruling.reason)}"
    if case.dispute.rule is ConflictRule.VOTING:
        return f"open: {len(case.ballots)} of {case.dispute.quorum} ballots that it needs"
    return "open"
