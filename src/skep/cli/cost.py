"""`skep cost`: what a swarm's model requests came to, by task, agent and model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console

from skep.agent.answers import Passed
from skep.cli.documents import purse_json, write_json
from skep.cli.ids import find_swarm
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.compose import open_fleet
from skep.hive.spending import (
    Charge,
    charges_of,
    dollars,
    grouped,
    passed_over_in,
    spent_in_words,
    steps_of,
)
from skep.records.purse import Amount
from skep.records.values import Json
from skep.settings import read_settings

GROUPS: Final[Mapping[str, Callable[[Charge], str]]] = {
    "task": lambda charge: charge.task,
    "agent": lambda charge: charge.agent,
    "model": lambda charge: charge.model,
}


async def cost(swarm: SwarmName = "last", /, *, common: Common = COMMON) -> int:
    """Show what a swarm's model requests came to, by task, agent and model."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        state, steps = await handle.state(), await steps_of(fleet.store, handle.id)
        passed = await passed_over_in(fleet.store, steps)
    charges = charges_of(steps)
    if common.json:
        by: dict[str, Json] = {f"by_{name}": _rows(charges, of) for name, of in GROUPS.items()}
        by["passed_over"] = [{**asdict(one), "times": times} for one, times in passed.items()]
        write_json({"swarm": state.id, "purse": purse_json(state.purse), **by})
        return 0
    out = open_screen().out
    out.print(spent_in_words(state.purse) or "Nothing was spent.", soft_wrap=True)
    _print_charges(charges, out)
    _print_passed(passed, out)
    return 0


def _print_charges(charges: Sequence[Charge], out: Console) -> None:
    for name, of in GROUPS.items() if charges else ():
        out.print()
        table = plain_table(name, ">requests", ">tokens", ">cost")
        for one, amount in grouped(charges, of).items():
            table.add_row(clean(one), *_shown(amount))
        show(out, table)


def _print_passed(passed: Mapping[Passed, int], out: Console) -> None:
    """Show which models of a chain could not answer, and why the first time."""
    if not passed:
        return
    out.print()
    table = plain_table("passed over", ">times", "why")
    table.add_column("at first", overflow="fold")
    for one, times in passed.items():
        table.add_row(clean(one.model), str(times), one.code, clean(one.reason))
    show(out, table)


def _shown(amount: Amount) -> tuple[str, str, str]:
    return str(amount.requests), str(amount.tokens), dollars(amount.nano_usd)


def _rows(charges: Sequence[Charge], of: Callable[[Charge], str]) -> Json:
    return {name: amount.as_json() for name, amount in grouped(charges, of).items()}
