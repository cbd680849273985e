"""What people tell a swarm reaches the model's next request, in the words of every protocol."""

import pytest
from tests.providers.conftest import OpenDesk
from tests.providers.desk import Desk, Wish
from tests.providers.scenario import PROTOCOLS, Fails, Protocol, Says, Scene
from tests.providers.speech import problem
from tests.providers.stub import Stub

from skep.agent.conversation import TOLD_HEADER
from skep.records.outcome import Snoozed, Succeeded
from skep.records.swarm import SwarmMove
from skep.testing.acts import steer

LIMITED = Fails(status=429, headers={"retry-after": "5"})
TOO_LONG = Fails(
    status=400,
    body=problem("openai-chat", code="context_length_exceeded", kind="x", message="too long"),
)


async def tell(desk: Desk, text: str) -> None:
    """Tell the desk's swarm something."""
    await steer(desk.store, "s", SwarmMove.TELL, text=text, by="ann")


async def interrupted(desk: Desk) -> None:
    """Make an attempt that a rate limit ends."""
    outcome = await desk.attempt()
    assert isinstance(outcome, Snoozed), outcome
    await desk.settle(outcome)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_message_is_in_the_next_request(open_desk: OpenDesk, protocol: Protocol) -> None:
    """It comes after the results of the tools, marked as a person's, and the role is kept."""
    scenes: list[Scene] = [
        Says(calls=[("inventory", {})]),
        Says(calls=[("inventory", {"top": 1})]),
        LIMITED,
        Says(calls=[("inventory", {"top": 2})]),
        LIMITED,
        Says(text="Done."),
    ]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub")) as desk,
    ):
        await interrupted(desk)
        await tell(desk, "Leave the bread out")
        await interrupted(desk)
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert [TOLD_HEADER in asked.text for asked in stub.ledger] == [False] * 4 + [True] * 2
    assert "(ann)" in stub.ledger[-1].text
    assert all("You gather." in asked.text for asked in stub.ledger)
    assert stub.ledger[-1].text == stub.ledger[-2].text, "the takeover asks the same"


async def test_no_summary_loses_a_message(open_desk: OpenDesk) -> None:
    """A conversation that is taken up from its summary keeps a person's words as they were."""
    scenes: list[Scene] = [
        Says(calls=[("inventory", {"top": 1})]),
        Says(calls=[("inventory", {"top": 2})]),
        TOO_LONG,
        Says(text="I counted the files."),
        Says(text="Done."),
    ]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model="openai-chat:stub")) as desk,
    ):
        await tell(desk, "Leave the bread out")
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert "Leave the bread out" in stub.ledger[-1].text
    assert "I counted the files." in stub.ledger[-1].text
