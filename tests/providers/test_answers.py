"""What a model says, on each protocol, whole and streamed: calls, results, forms and files."""

import pytest
from tests.providers.conftest import OpenDesk
from tests.providers.desk import Wish
from tests.providers.scenario import PROTOCOLS, Asked, Call, Fails, Protocol, Says, Scene
from tests.providers.speech import problem
from tests.providers.stub import Stub, analyst

from skep.agent.hints import Heard
from skep.agent.returns import REPAIRS_MAX
from skep.records.ids import TaskRef
from skep.records.outcome import Failed, Succeeded
from skep.records.values import Json

FORM: dict[str, Json] = {
    "type": "object",
    "required": ["severity", "files"],
    "properties": {
        "severity": {"type": "string", "enum": ["low", "high"]},
        "files": {"type": "array", "items": {"type": "string"}},
    },
}

ways = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@ways
@protocols
async def test_tools_are_called_side_by_side_and_their_results_sent_back(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """The stub's model calls what it is offered, and reports what really came back."""
    async with (
        Stub(analyst) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", streams=streams)) as desk,
    ):
        outcome = await desk.attempt()
        steps = {step.key for step in await desk.steps()}
        answer = await desk.answer("turn/2/model")

    assert isinstance(outcome, Succeeded), outcome
    assert "add soup" in str(outcome.value)
    assert {"turn/1/tool/0:inventory", "turn/1/tool/1:todos", "turn/2/model"} <= steps
    assert answer["model_id"] == f"{protocol}:stub"
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) != (0, 0)
    first, second = stub.ledger
    assert set(first.tools) == {"inventory", "todos", "read_file"}
    assert len(second.results) == 2
    assert first.is_streamed is streams or protocol == "anthropic"


@protocols
async def test_every_request_has_the_instructions_of_the_role(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """Those after two turns of tools, and after a nudge, as well as the first."""
    scenes: list[Scene] = [
        Says(calls=[("inventory", {})]),
        Says(calls=[("todos", {})]),
        Says(),
        Says(text="Done."),
    ]
    async with Stub(scenes) as stub, open_desk(stub, Wish(model=f"{protocol}:stub")) as desk:
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert ["You gather." in asked.text for asked in stub.ledger] == [True] * 4


@ways
@protocols
async def test_a_call_that_does_not_fit_goes_back_to_the_model(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """An unknown tool, wrong arguments and arguments that are no JSON are told, and tried anew."""
    calls: list[Call] = [("fly", {}), ("inventory", {"top": "many"})]
    broken: list[Call] = [("inventory", '{"top": ')] if protocol != "anthropic" or streams else []
    scenes = [Says(calls=[*calls, *broken]), Says(text="Well then.")]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", streams=streams)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    told = stub.ledger[1].results
    assert "There is no tool 'fly'" in told[0]
    assert all("do not fit" in each for each in told[1:])
    assert len(told) == len(calls) + len(broken)


@ways
@protocols
async def test_a_refusal_ends_the_task(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """What a provider refuses to answer is not asked again."""
    async with (
        Stub([Says(text="I cannot help with that.", finish="refusal")]) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", streams=streams)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "content_refused"
    assert "refused to answer this" in outcome.failure.message
    assert len(stub.ledger) == 1


@ways
@protocols
async def test_an_answer_cut_short_by_its_length_is_gone_on_with(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """The pieces are joined; a model that never comes to an end is given up."""
    scenes = [Says(text="One, two, ", finish="length"), Says(text="three.")]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", streams=streams)) as desk,
    ):
        outcome = await desk.attempt()
    async with (
        Stub([Says(text="and so on, ", finish="length")]) as endless,
        open_desk(endless, Wish(model=f"{protocol}:stub", streams=streams)) as desk,
    ):
        given_up = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert outcome.value == {"text": "One, two, three."}
    assert isinstance(given_up, Failed)
    assert "SKEP_MODEL_MAX_TOKENS" in given_up.failure.message


@ways
@protocols
async def test_an_empty_answer_is_asked_for_again(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """Nothing is no result."""
    async with (
        Stub([Says(), Says(text="At last.")]) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", streams=streams)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert outcome.value == {"text": "At last."}


@protocols
async def test_a_role_with_a_form_returns_a_value_that_fits(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """A text, and a value that does not fit, go back to the model; one that fits is the result."""
    fits: dict[str, Json] = {"severity": "low", "files": ["menu.py"]}
    scenes = [
        Says(text="It is fine."),
        Says(calls=[("final_result", {"severity": "dire", "files": "menu.py"})]),
        Says(calls=[("final_result", fits)]),
    ]
    async with (
        Stub(scenes) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", form=FORM)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert outcome.value == fits
    assert "final_result" in stub.ledger[0].tools
    assert "result.severity is none of" in stub.ledger[2].text
    assert "result.files is no array" in stub.ledger[2].text


async def test_a_value_that_never_fits_is_given_up(open_desk: OpenDesk) -> None:
    """After the named number of repairs the task fails, and says what did not fit."""
    async with (
        Stub([Says(calls=[("final_result", {"severity": "low"})])]) as stub,
        open_desk(stub, Wish(model="openai-chat:stub", form=FORM)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "result_misfit"
    assert "result.files is missing" in outcome.failure.message
    assert len(stub.ledger) == REPAIRS_MAX + 1


@protocols
async def test_attached_files_are_sent_as_they_are(protocol: Protocol, open_desk: OpenDesk) -> None:
    """A text and an image of the workspace reach the provider; the journal has their hashes."""
    async with (
        Stub([Says(text="A black dot.")]) as stub,
        open_desk(
            stub, Wish(model=f"{protocol}:stub", given={"attach": ["notes.txt", "dot.png"]})
        ) as (desk),
    ):
        outcome = await desk.attempt()
        steps = {step.key: step for step in await desk.steps()}

    assert isinstance(outcome, Succeeded), outcome
    assert "remember the milk" in stub.ledger[0].text
    assert "iVBORw0KGgo" in stub.ledger[0].text
    assert "$blob" in str(steps["input/files"].value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["no.txt"], "missing"),
        (["../outside"], "outside"),
        (["blob.bin"], "no image, no PDF and no text"),
        ("notes.txt", "no list of paths"),
        (["notes.txt"] * 17, "ATTACHMENTS_MAX"),
    ],
)
async def test_a_file_that_cannot_be_attached_fails_the_task(
    names: Json, said: str, open_desk: OpenDesk
) -> None:
    """Before anything is asked, the task says which file and why."""
    async with (
        Stub([Says(text="x")]) as stub,
        open_desk(stub, Wish(model="openai-chat:stub", given={"attach": names})) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Failed)
    assert said in outcome.failure.message
    assert stub.ledger == []


class Ear:
    """Hears everything."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, ref: TaskRef) -> Heard:
        """Listen to every task."""
        return self.heard.append


@protocols
async def test_pieces_are_heard_while_they_come(protocol: Protocol, open_desk: OpenDesk) -> None:
    """Who listens hears the text in its pieces; the step is recorded once, whole."""
    ear = Ear()
    text = "The honey is in the third comb."
    async with (
        Stub([Says(text=text)]) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub", listener=ear)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert "".join(ear.heard) == text
    assert len([piece for piece in ear.heard if piece]) > 2


@protocols
async def test_a_conversation_that_is_too_long_goes_on_from_its_summary(
    protocol: Protocol, open_desk: OpenDesk
) -> None:
    """The model sums up what it did; the next request is short, the journal keeps it all."""
    too_long = Fails(
        status=400,
        body=problem(
            protocol,
            code="context_length_exceeded",
            kind="invalid_request_error",
            message="prompt is too long",
        ),
    )

    def play(asked: Asked) -> Scene:
        if "Write down in at most 600 words" in asked.text:
            return Says(text="I saw menu.py and its soup.")
        if "I saw menu.py" in asked.text:
            return Says(text="Soup is missing.")
        if len(asked.results) < 3:
            return Says(calls=[("inventory", {"top": len(asked.results) + 1})])
        return too_long

    async with (
        Stub(play) as stub,
        open_desk(stub, Wish(model=f"{protocol}:stub")) as desk,
    ):
        outcome = await desk.attempt()
        steps = [step.key for step in await desk.steps()]

    assert isinstance(outcome, Succeeded), outcome
    assert outcome.value == {"text": "Soup is missing."}
    assert len(stub.ledger[-1].results) == 1, "the last exchange is kept as it was"
    assert {"turn/4/model", "turn/4/summary", "turn/4/model/compacted"} <= set(steps)
    assert "turn/2/tool/0:inventory" in steps


async def test_a_task_that_is_too_long_from_the_start_fails_and_says_so(
    open_desk: OpenDesk,
) -> None:
    """There is nothing to sum up in an opening."""
    body = problem("openai-chat", code="context_length_exceeded", kind="x", message="too long")
    async with (
        Stub([Fails(status=400, body=body)]) as stub,
        open_desk(stub, Wish(model="openai-chat:stub")) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "context_too_long"
    assert "Split the task" in outcome.failure.message
    assert len(stub.ledger) == 1
