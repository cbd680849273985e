"""No charge is forgotten: what is counted for answers that come whole, break off, or are none."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.providers.conftest import OpenDesk
from tests.providers.desk import Desk, Wish
from tests.providers.scenario import PROTOCOLS, Breaks, Fails, Protocol, Raw, Says, Scene
from tests.providers.speech import streamed
from tests.providers.stub import CUT, Stub

from skep.records.ids import SwarmId
from skep.records.purse import Amount, Purse

MODELS: Mapping[Protocol, str] = {
    "openai-chat": "openai-chat:gpt-4o",
    "openai-responses": "openai-responses:gpt-4o",
    "anthropic": "anthropic:claude-sonnet-4-6",
}
BILLED: Mapping[Protocol, tuple[float, float]] = {
    "openai-chat": (2_500, 10_000),
    "openai-responses": (2_500, 10_000),
    "anthropic": (3_000, 15_000),
}
"""Nano-dollars for a token asked and one answered, by the providers' lists of 2025."""

MIDWAY = Breaks(when="midway", cleanly=True)
ASKED = CUT.usage[0]
protocols = pytest.mark.parametrize("protocol", PROTOCOLS)
ways = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


async def purse_of(desk: Desk) -> Purse:
    """Read the purse of the one swarm."""
    return (await desk.store.registry.swarm(SwarmId("s"))).purse


def bill(protocol: Protocol, asked: int, answered: int) -> Amount:
    """What a request costs by the provider's list."""
    price = BILLED[protocol]
    nano_usd = round(asked * price[0] + answered * price[1])
    return Amount(requests=1, tokens=asked + answered, nano_usd=nano_usd)


async def charged(protocol: Protocol, scene: Scene, open_desk: OpenDesk, *, streams: bool) -> Purse:
    """Make one attempt on a scene and give the purse afterwards."""
    async with (
        Stub([scene]) as stub,
        open_desk(stub, Wish(model=MODELS[protocol], streams=streams)) as desk,
    ):
        await desk.attempt()
        return await purse_of(desk)


async def worst_case(protocol: Protocol, open_desk: OpenDesk, *, streams: bool) -> Amount:
    """What a call reserves: the charge for an answer that nobody can read."""
    unread = await charged(protocol, Raw(content=b"{"), open_desk, streams=streams)
    return unread.spent


@ways
@protocols
async def test_a_whole_answer_is_charged_what_its_provider_tells(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """Tokens in and out, at the price of the list, and nothing stays reserved."""
    said = Says(text="Honey.", usage=(1_000, 100))

    purse = await charged(protocol, said, open_desk, streams=streams)

    assert (purse.spent, purse.open) == (bill(protocol, 1_000, 100), 0)


@ways
@protocols
async def test_a_refusal_is_not_charged(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """Nobody sends a bill for a rate limit; what was reserved is given back."""
    purse = await charged(protocol, Fails(status=429), open_desk, streams=streams)

    assert (purse.spent, purse.reserved, purse.open) == (Amount(), Amount(), 0)


@protocols
async def test_an_answer_that_nobody_can_read_is_charged_the_worst_case(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """A document that is cut tells nothing: all that was reserved is spent, and not as lost."""
    cut = await charged(protocol, Breaks(when="midway"), open_desk, streams=False)

    assert cut.spent == await worst_case(protocol, open_desk, streams=False)
    assert cut.spent.tokens > 2_000
    assert (cut.lost, cut.open) == (Amount(), 0)


@protocols
async def test_a_cut_stream_is_charged_what_was_seen(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """Anthropic tells at once what was asked; of the others nothing is known before the end."""
    cut = await charged(protocol, MIDWAY, open_desk, streams=True)

    if protocol == "anthropic":
        said = sum(len(_text(data)) for _, data in list(streamed(protocol, CUT))[:6])
        assert cut.spent == bill(protocol, ASKED, said // 2)
        assert said
    else:
        assert cut.spent == await worst_case(protocol, open_desk, streams=True)
    assert (cut.lost, cut.open) == (Amount(), 0)


@protocols
async def test_a_stream_cut_after_its_usage_is_charged_that(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """Where all but the very end had come, usage included, that is the charge."""
    cut = await charged(protocol, Breaks(when="at its end"), open_desk, streams=True)

    if protocol == "openai-responses":  # its usage comes with its last event
        assert cut.spent == await worst_case(protocol, open_desk, streams=True)
    else:
        assert cut.spent == bill(protocol, *CUT.usage)


@protocols
async def test_a_provider_that_is_overloaded_amid_its_answer_is_paid(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """Said instead of an answer it costs nothing; amid one, what has come is charged."""
    instead = await charged(protocol, Fails(status=529), open_desk, streams=True)
    amid = await charged(protocol, Breaks(when="overloaded"), open_desk, streams=True)
    cut = await charged(protocol, MIDWAY, open_desk, streams=True)

    assert instead.spent == Amount()
    assert amid.spent == cut.spent


def _text(data: Mapping[str, Any]) -> str:
    return str(data.get("delta", {}).get("text", ""))
