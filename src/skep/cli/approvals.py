"""`skep approvals`: what tasks ask people, and the answers that let them go on."""

import asyncio
import json as json_module
from collections.abc import Sequence
from typing import Annotated, Final, cast

from cyclopts import Parameter
from pydantic import TypeAdapter
from rich.table import Table
from rich.text import Text

from skep.cli.asked import answer_with, short_approval
from skep.cli.documents import write_json
from skep.cli.foreground import is_looked_after
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, login_name
from skep.cli.screen import Screen, clean, clean_block, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.policy.approving import ID_DIGITS
from skep.records.approval import Approval, ApprovalState, Verdict
from skep.records.errors import ApprovalNotFound, InvalidInput
from skep.records.ids import ApprovalId, SwarmId
from skep.records.values import Json
from skep.settings import Settings, read_settings

PART_CHARS_MIN: Final = 4
PAGE: Final = 200
STYLES: Final = {
    ApprovalState.PENDING: "yellow",
    ApprovalState.APPROVED: "green",
    ApprovalState.DENIED: "red",
    ApprovalState.EXPIRED: "red",
    ApprovalState.WITHDRAWN: "dim",
}

ApprovalName = Annotated[str, Parameter(help="An approval's id, or the beginning of it.")]
Reason = Annotated[str, Parameter(metavar="TEXT", help="Why; the agent is told.")]
By = Annotated[str | None, Parameter(metavar="NAME", help="Who decides. Default: your login name.")]

_APPROVAL: Final = TypeAdapter(Approval)


async def list_approvals(
    *,
    swarm: Annotated[
        str | None, Parameter(metavar="ID", help="Only those of this swarm, or `last`.")
    ] = None,
    all: Annotated[bool, Parameter(help="Also those that need no answer any more.")] = False,  # noqa: A002 - the option's name
    limit: Annotated[int, Parameter(help="How many to list.")] = 50,
    common: Common = COMMON,
) -> int:
    """List what waits for an answer, the newest first."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        of = (await find_swarm(fleet, swarm)).id if swarm is not None else None
        state = None if all else ApprovalState.PENDING
        listed = await fleet.approvals(swarm=of, state=state, limit=limit)
    screen = open_screen()
    if common.json:
        write_json({"approvals": [approval_json(each) for each in listed]})
    elif listed:
        show(screen.out, _table(listed))
        _say_how(listed, screen)
    else:
        screen.out.print("Nothing waits for an answer." if not all else "Nothing was ever asked.")
    return 0


async def show_approval(approval: ApprovalName, /, *, common: Common = COMMON) -> int:
    """Show what exactly is asked, and what was decided of it."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        found = await find_approval(fleet, approval)
    if common.json:
        write_json(approval_json(found))
    else:
        _print(found, open_screen())
    return 0


def approve(
    approval: ApprovalName,
    /,
    *,
    reason: Reason = "",
    by: By = None,
    common: Common = COMMON,
) -> int:
    """Let a task do what it asks for."""
    return asyncio.run(_decided(approval, Verdict.APPROVED, reason=reason, by=by, common=common))


def deny(
    approval: ApprovalName,
    /,
    *,
    reason: Reason = "",
    by: By = None,
    common: Common = COMMON,
) -> int:
    """Have a task go on without what it asks for."""
    return asyncio.run(_decided(approval, Verdict.DENIED, reason=reason, by=by, common=common))


async def find_approval(fleet: Fleet, name: str) -> Approval:
    """Find the approval that a user means. Raises `ApprovalNotFound` or `InvalidInput`."""
    if len(name) == ID_DIGITS:
        (found,) = await fleet.store.approvals.read([ApprovalId(name)])
        return found
    if len(name) < PART_CHARS_MIN:
        raise InvalidInput(
            f"{name!r} is too short to name an approval.",
            hint=f"Give at least {PART_CHARS_MIN} characters of its id.",
        )
    meant = [each for each in await _all(fleet) if each.id.startswith(name)]
    if not meant:
        raise ApprovalNotFound(approval=name)
    if len(meant) > 1:
        ids = ", ".join(each.id for each in meant[:5])
        raise InvalidInput(f"{name!r} names {len(meant)} approvals.", hint=f"Say one of: {ids}.")
    return meant[0]


def approval_json(approval: Approval) -> Json:
    """Write an approval as a document."""
    fields = cast("dict[str, Json]", _APPROVAL.dump_python(approval, mode="json"))
    ref = approval.ref
    del fields["ref"]
    return {**fields, "swarm": ref.swarm, "task": ref.key}


async def _decided(
    name: str, verdict: Verdict, *, reason: str, by: str | None, common: Common
) -> int:
    settings, screen = read_settings(store=common.store), open_screen()
    async with open_fleet(settings) as fleet:
        found = await find_approval(fleet, name)
        decide = fleet.approve if verdict is Verdict.APPROVED else fleet.deny
        decided = await decide(found.id, by=by or login_name(), reason=reason)
        after = await _next_for(fleet, decided.ref.swarm, settings)
    if common.json:
        write_json(approval_json(decided))
        return 0
    decision = decided.decision
    who = f" by {clean(decision.by)}" if decision is not None else ""
    word = f"{decided.state.capitalize()}{who}"
    screen.out.print(f"{word}: {clean(decided.question)}", soft_wrap=True)
    screen.out.print(after, soft_wrap=True)
    return 0


async def _next_for(fleet: Fleet, swarm: SwarmId, settings: Settings) -> str:
    """Say whether the swarm goes on by itself, and what to do when it does not."""
    handle = fleet.swarm(swarm)
    state, tasks = await handle.state(), await handle.tasks()
    name = short(swarm)
    if await asyncio.to_thread(is_looked_after, state, tasks, settings):
        return f"Its task goes on. Watch it: skep swarm watch {name}"
    return f"Nobody works on its swarm now. Go on: skep resume {name}"


async def _all(fleet: Fleet) -> list[Approval]:
    found: list[Approval] = []
    while True:
        before = found[-1].id if found else None
        page = await fleet.approvals(state=None, before=before, limit=PAGE)
        found.extend(page)
        if len(page) < PAGE:
            return found


def _table(listed: Sequence[Approval]) -> Table:
    table = plain_table("approval", "swarm", "task", "state", "asked", "expires")
    table.add_column("question", overflow="fold")
    for each in listed:
        expires = local_time(each.expires_at) if each.expires_at is not None else "never"
        table.add_row(
            short_approval(each.id),
            short(each.ref.swarm),
            clean(each.ref.key),
            Text(each.state, STYLES[each.state]),
            Text(local_time(each.asked_at), "dim"),
            Text(expires, "dim"),
            clean(each.question),
        )
    return table


def _say_how(listed: Sequence[Approval], screen: Screen) -> None:
    pending = [each for each in listed if each.state is ApprovalState.PENDING]
    if pending:
        name = short_approval(pending[0].id)
        screen.out.print()
        screen.out.print(
            f"See all of it: skep approvals show {name}\nAnswer it: {answer_with([name])}",
            soft_wrap=True,
        )


def _print(approval: Approval, screen: Screen) -> None:
    out = screen.out
    out.print(Text(clean(approval.question), "bold"))
    facts = {
        "Approval": approval.id,
        "Asked by": f"task {clean(approval.ref.key)} of swarm {approval.ref.swarm}",
        "Asked at": local_time(approval.asked_at),
        "Expires": local_time(approval.expires_at) if approval.expires_at else "never",
        "State": approval.state,
    }
    if (decision := approval.decision) is not None:
        facts["Decided"] = f"{local_time(decision.at)} {clean(decision.by)}".rstrip()
        facts["Reason"] = clean(decision.reason) or "none given"
    for fact, value in facts.items():
        out.print(Text.assemble((f"{fact:<10}", "dim"), value), soft_wrap=True)
    if approval.detail is not None:
        out.print()
        written = json_module.dumps(approval.detail, indent=2, ensure_ascii=False, sort_keys=True)
        out.print(clean_block(written), soft_wrap=True)
    _say_how([approval], screen)
