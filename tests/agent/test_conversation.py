"""The fingerprint of a conversation: it grows with what is said, and nothing else."""

from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from skep.agent.conversation import Conversation
from skep.records.values import canonical, digest_of

GROUND = digest_of("null")


def opening(text: str = "Gather.") -> ModelRequest:
    """A first message."""
    return ModelRequest(parts=[UserPromptPart(content=text)])


def test_a_restart_is_part_of_the_fingerprint() -> None:
    """What was left out still counts: the same summary of another past is another question."""
    long, other, fresh = (Conversation(opening(), ground=GROUND) for _ in range(3))
    long.extend(ModelResponse(parts=[TextPart("I saw soup.")]))
    other.extend(ModelResponse(parts=[TextPart("I saw bread.")]))

    for conversation in (long, other):
        conversation.restart([opening("In short: food.")])

    assert len({long.fingerprint, other.fingerprint, fresh.fingerprint}) == 3
    assert [len(each.messages) for each in (long, other, fresh)] == [1, 1, 1]


def test_who_answered_and_what_it_cost_is_no_part_of_it() -> None:
    """A takeover meets the same question whichever model of a chain gave the answers before it."""
    first, second = (Conversation(opening(), ground=GROUND) for _ in range(2))

    first.extend(ModelResponse(parts=[TextPart("Soup.")], model_id="a", finish_reason="stop"))
    second.extend(
        ModelResponse(parts=[TextPart("Soup.")], model_id="b", metadata={"passed_over": ["a"]})
    )

    assert first.fingerprint == second.fingerprint


def test_the_fingerprints_of_earlier_versions_still_hold() -> None:
    """A run that began before an update does not diverge after it: these were computed before."""
    opened = ModelRequest(parts=[UserPromptPart("Look it up.")], instructions="You look things up.")
    conversation = Conversation(opened, ground=digest_of(canonical(["m", []])))
    fingerprints = [conversation.fingerprint]

    calls = [
        ToolCallPart("read_file", {"path": "a.txt", "lines": None}, "call-1"),
        ToolCallPart("search", '{"text": "bee"}', "call-2"),
    ]
    returned = {"text": "é", "lines": 2, "is_whole": True}
    refused = ToolReturnPart("search", "No such text.", "call-2", outcome="retried")
    for message in (
        ModelResponse(parts=[ThinkingPart("Hm."), TextPart("I look."), *calls]),
        ModelRequest(parts=[ToolReturnPart("read_file", returned, "call-1"), refused]),
    ):
        conversation.extend(message)
        fingerprints.append(conversation.fingerprint)

    assert [each[:16] for each in fingerprints] == [
        "9cf54cbbd8e1858f",
        "62eee0757c5dde62",
        "af7be3f06a5fc429",
    ]
