"""`skep fleet`: how the processes that share a store work together, and who leads them."""

from collections.abc import Sequence

from rich.table import Table

from skep.cli.documents import write_json
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet
from skep.records.leadership import DutyRun, Leadership
from skep.records.values import Json
from skep.settings import read_settings


async def leader(*, common: Common = COMMON) -> int:
    """Show who leads the fleet, since when and until when, and how the leader's duties went last.

    A fleet without a leader works on all the same; the next worker that campaigns will lead.
    """
    async with open_fleet(read_settings(store=common.store)) as fleet:
        stands = await fleet.store.terms.read()
        duties = await fleet.store.terms.duties()
    if common.json:
        runs: list[Json] = [duty_json(run) for run in duties]
        write_json({"leader": leadership_json(stands) if stands else None, "duties": runs})
        return 0
    out = open_screen().out
    out.print(_line(stands), soft_wrap=True)
    if duties:
        show(out, _table(duties))
    return 0


def leadership_json(stands: Leadership) -> dict[str, Json]:
    """Write an election for programs."""
    return {
        "node": stands.node,
        "term": stands.term,
        "since": stands.since,
        "until": stands.expires_at,
        "lease_s": stands.lease_s,
        "leads": stands.is_held,
        "resigned": stands.is_resigned,
    }


def duty_json(run: DutyRun) -> dict[str, Json]:
    """Write how a duty went last for programs."""
    return {
        "duty": run.duty,
        "at": run.at,
        "node": run.node,
        "term": run.term,
        "result": run.result,
        "failed": run.is_failure,
    }


def _line(stands: Leadership | None) -> str:
    if stands is None or not stands.node:
        return "Nobody has led here yet; a worker that starts will: skep work"
    node, until = clean(stands.node), local_time(stands.expires_at)
    if stands.is_held:
        since = local_time(stands.since)
        return f"{node} leads in term {stands.term} since {since}, and at least until {until}"
    left = "resigned" if stands.is_resigned else "was not heard of after"
    return f"Nobody leads; {node} led in term {stands.term} and {left} {until}"


def _table(duties: Sequence[DutyRun]) -> Table:
    table = plain_table("duty", "last", ">term", "node")
    table.add_column("result", overflow="fold")
    for run in duties:
        result = clean(f"failed: {run.result}" if run.is_failure else run.result)
        table.add_row(clean(run.duty), local_time(run.at), str(run.term), clean(run.node), result)
    return table
