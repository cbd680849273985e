"""Takeovers of what is new: each goes on from the journal, and asks for nothing twice."""

from pathlib import Path

from tests.providers.conftest import OpenDesk
from tests.providers.desk import Desk, Wish
from tests.providers.scenario import Asked, Fails, Says, Scene
from tests.providers.speech import problem
from tests.providers.stub import Stub

from skep.records.outcome import Snoozed, Succeeded
from skep.records.values import Json

LIMITED = Fails(status=429, headers={"retry-after": "5"})
TOO_LONG = Fails(
    status=400,
    body=problem("openai-chat", code="context_length_exceeded", kind="x", message="too long"),
)


async def interrupted(desk: Desk) -> None:
    """Make an attempt that a rate limit ends."""
    outcome = await desk.attempt()
    assert isinstance(outcome, Snoozed), outcome
    await desk.settle(outcome)


async def test_a_compacted_conversation_is_taken_over(open_desk: OpenDesk) -> None:
    """Neither the summary nor the discovery that it was needed is paid for again."""
    scenes: list[Scene] = [
        Says(calls=[("inventory", {"top": 1})]),
        Says(calls=[("inventory", {"top": 2})]),
        TOO_LONG,
        Says(text="I counted the files."),
        LIMITED,
        Says(text="Four files."),
    ]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model="openai-chat:stub")) as desk,
    ):
        await interrupted(desk)
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert outcome.value == {"text": "Four files."}
    assert len(stub.ledger) == len(scenes)
    assert stub.ledger[-1].text == stub.ledger[-2].text, "the same question as before"


async def test_repairs_and_length_stops_are_taken_over(open_desk: OpenDesk) -> None:
    """What was counted before is counted again from the journal, and the pieces are joined."""
    scenes = [Says(), Says(text="One, ", finish="length"), LIMITED, Says(text="two.")]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model="openai-chat:stub")) as desk,
    ):
        await interrupted(desk)
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert outcome.value == {"text": "One, two."}
    assert len(stub.ledger) == len(scenes)


async def test_an_attached_file_is_the_one_that_was_read(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    """A file that changes under a live run changes nothing of its conversation."""
    given: Json = {"attach": ["notes.txt"]}
    async with (
        Stub([LIMITED, Says(text="Milk.")]) as stub,
        open_desk(stub, Wish(model="openai-chat:stub", given=given)) as desk,
    ):
        await interrupted(desk)
        (tmp_path / "notes.txt").write_text("forget the milk\n")
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert "remember the milk" in stub.ledger[1].text


async def test_a_takeover_does_not_ask_which_model_answered(open_desk: OpenDesk) -> None:
    """An answer of the second model of a chain is found again though the first is well now."""
    down = Fails(status=500)

    def play(asked: Asked) -> Scene:
        if asked.body["model"] == "first":
            return down if len(stub.ledger) == 1 else LIMITED
        return LIMITED if asked.results else Says(calls=[("inventory", {})])

    async with (
        Stub(play) as stub,
        open_desk(stub, Wish(model="openai-chat:first,openai-chat:second")) as desk,
    ):
        await interrupted(desk)
        before = len(stub.ledger)
        await interrupted(desk)
        answer = await desk.answer("turn/1/model")

    assert answer["model_id"] == "openai-chat:second"
    assert answer["metadata"]["passed_over"][0]["code"] == "provider_failed"
    assert before == 4, "the first and the second for each of two turns"
    assert all(asked.results for asked in stub.ledger[2:]), "nobody asked for the first turn again"
