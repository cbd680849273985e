"""`skep cost`: what a swarm's model requests came to, by task, agent and model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from skep.cli.documents import purse_json, write_json
from skep.cli.ids import find_swarm
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.compose import open_fleet
from skep.hive.spending import Charge, charges_of, dollars, grouped, spent_in_words
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
        state, charges = await handle.state(), await charges_of(fleet.store, handle.id)
    if common.json:
        by: dict[str, Json] = {f"by_{name}": _rows(charges, of) for name, of in GROUPS.items()}
        write_json({"swarm": state.id, "purse": purse_json(state.purse), **by})
        return 0
    out = open_screen().out
    out.print(spent_in_words(state.purse) or "Nothing was spent.", soft_wrap=True)
    for name, of in GROUPS.items() if charges else ():
        out.print()
        table = plain_table(name, ">requests", ">tokens", ">cost")
        for one, amount in grouped(charges, of).items():
            table.add_row(clean(one), *_shown(amount))
        show(out, table)
    return 0


def _shown(amount: Amount) -> tuple[str, str, str]:
    return str(amount.requests), str(amount.tokens), dollars(amount.nano_usd)


def _rows(charges: Sequence[Charge], of: Callable[[Charge], str]) -> Json:
    return {name: amount.as_json() for name, amount in grouped(charges, of).items()}
