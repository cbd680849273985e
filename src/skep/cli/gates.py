"""`skep gates`: what providers let through now, and until when they are left alone."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from skep.cli.documents import write_json
from skep.cli.options import COMMON, Common, parted
from skep.cli.screen import clean, counted, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet, system_clock
from skep.policy.admission import closed_until
from skep.policy.breaker import BREAKER
from skep.ports.gates import Gates
from skep.records.errors import InvalidInput
from skep.records.gate import Gate, Wait, WaitReason
from skep.records.values import Json
from skep.settings import read_settings


async def gates(
    *,
    reopen: Annotated[
        str,
        Parameter(metavar="NAMES", help="Let requests through again, whatever was said of them."),
    ] = "",
    common: Common = COMMON,
) -> int:
    """Show what the gates of providers and their models let through.

    A gate is known here once a request knocked at it or failed behind it.
    """
    now = system_clock().now()
    async with open_fleet(read_settings(store=common.store)) as fleet:
        if names := sorted(parted(reopen)):
            await _reopen(names, fleet.store.gates)
        known = await fleet.store.gates.read()
    if common.json:
        write_json({"gates": [gate_json(gate, now) for gate in known]})
        return 0
    out = open_screen().out
    if not known:
        out.print("No request was held up or failed here, and none was limited.")
        return 0
    table = plain_table("gate", ">under way", "breaker")
    table.add_column("state", overflow="fold")
    for gate in known:
        state = BREAKER.state(gate.breaker, now).replace("_", " ")
        table.add_row(clean(gate.name), str(len(gate.passes)), state, clean(_stands(gate, now)))
    show(out, table)
    return 0


def gate_json(gate: Gate, now: float) -> dict[str, Json]:
    """Write a gate for programs."""
    wait = closed_until(gate, now)
    return {
        "gate": gate.name,
        "breaker": BREAKER.state(gate.breaker, now),
        "waits_for": wait.reason if wait else None,
        "until": wait.until if wait else None,
        "under_way": sum(now < each.until for each in gate.passes),
    }


def held_up(gate: Gate, wait: Wait) -> str:
    """Say until when everybody waits for a gate, and why."""
    why = "by its own word" if wait.reason is WaitReason.REST else "after failures"
    return f"waits for {gate.name} until {local_time(wait.until)}, {why}"


def _stands(gate: Gate, now: float) -> str:
    if wait := closed_until(gate, now):
        return held_up(gate, wait)
    queues = [meter.promised_until for meter in gate.meters.values()]
    last = max([gate.promised_until, *queues])
    return f"open; the last who waits has a turn at {local_time(last)}" if last > now else "open"


async def _reopen(names: Sequence[str], gates: Gates) -> None:
    for name, is_there in zip(names, await gates.reopen(names), strict=True):
        if not is_there:
            raise InvalidInput(
                f"There is no gate called {name!r}.", hint="See which there are: skep gates"
            )
    open_screen().err.print(f"{counted(len(names), 'gate')} reopened.")
