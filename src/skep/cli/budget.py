"""`skep swarm budget`: raise the budget of a swarm, have it finish with what there is, or stop."""

import asyncio
from functools import partial
from typing import Annotated, Final

from cyclopts import Parameter

from skep.cli.ids import short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.steer import steered
from skep.hive.handle import Spending, SwarmHandle
from skep.hive.spending import spent_in_words
from skep.records.errors import InvalidInput

NONE: Final = "none"


def budget(  # noqa: PLR0913 - one option for each thing that can be decided
    swarm: SwarmName,
    /,
    *,
    raise_to: Annotated[
        float | None,
        Parameter(name="--raise", metavar="USD", help="Let it spend so many dollars in all."),
    ] = None,
    tokens: Annotated[
        int | None, Parameter(metavar="N", help="Let it use so many tokens in all.")
    ] = None,
    requests: Annotated[
        int | None, Parameter(metavar="N", help="Let it make so many model requests in all.")
    ] = None,
    finish: Annotated[
        bool, Parameter(negative="", help="Cancel all but the last tasks, and let those run.")
    ] = False,
    stop: Annotated[bool, Parameter(negative="", help="End the swarm.")] = False,
    common: Common = COMMON,
) -> int:
    """Decide how a swarm goes on whose budget is spent, or see what it has spent."""
    limits = Spending(budget_usd=raise_to, budget_tokens=tokens, budget_requests=requests)
    raises = any(limit is not None for limit in (raise_to, tokens, requests))
    if raises + finish + stop > 1:
        raise InvalidInput("Raise the budget, finish, or stop: one of them.")
    if raises:
        return asyncio.run(steered(swarm, common, partial(_raised, limits=limits)))
    return asyncio.run(steered(swarm, common, _finished if finish else _stopped if stop else _told))


def read_dollars(text: str) -> float | None:
    """Read a budget in dollars; `none` has to be said. Raises `InvalidInput`.

    >>> read_dollars("2.50"), read_dollars("none")
    (2.5, None)
    """
    if text.strip().lower() == NONE:
        return None
    number = text.strip().removeprefix("$")
    if not number.replace(".", "", 1).isdecimal():
        raise InvalidInput(f"{text!r} is no budget.", hint="Say dollars, as in 2.50, or `none`.")
    return float(number)


async def _raised(handle: SwarmHandle, *, limits: Spending) -> str:
    status = await handle.raise_budget("raised by the user", **limits)
    return f"Its budget is raised, and it is {status}. {_go_on(handle)}"


async def _finished(handle: SwarmHandle) -> str:
    status = await handle.finish("finished by the user")
    return f"It finishes with what there is, and is {status}. {_go_on(handle)}"


async def _stopped(handle: SwarmHandle) -> str:
    await handle.cancel("stopped at its budget by the user")
    return f"Stopped. See: skep swarm show {short(handle.id)}"


async def _told(handle: SwarmHandle) -> str:
    return spent_in_words((await handle.state()).purse) or "Nothing was spent."


def _go_on(handle: SwarmHandle) -> str:
    return f"If no worker serves it: skep resume {short(handle.id)}"
