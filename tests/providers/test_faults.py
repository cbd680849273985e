"""What goes wrong on the wire, on each protocol: the right class, wait and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from tests.providers.conftest import OpenDesk
from tests.providers.desk import Wish
from tests.providers.scenario import (
    PROTOCOLS,
    Breaks,
    Fails,
    NeverEnds,
    Protocol,
    Raw,
    Says,
    Scene,
    Waits,
)
from tests.providers.speech import problem
from tests.providers.stub import Stub

from skep.ports.web import Patience
from skep.records.outcome import Failed, Outcome, Retried, Snoozed, Succeeded

MODELS: Mapping[Protocol, str] = {each: f"{each}:stub" for each in PROTOCOLS}
SHORT = Patience(first_byte_s=2.0, between_bytes_s=2.0)

ways = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """An error as a provider sends it, and what is to follow."""

    status: int
    code: str = ""
    kind: str = ""
    message: str = "It did not work."
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    outcome: type[Outcome]
    said: str
    wait_s: float | None = None


TABLE: Mapping[str, Sent] = {
    "429 with Retry-After": Sent(
        status=429,
        code="rate_limit_exceeded",
        kind="rate_limit_error",
        headers={"Retry-After": "20"},
        outcome=Snoozed,
        said="asks for fewer requests: It did not work. The task sleeps",
        wait_s=20,
    ),
    "429 with Retry-After in milliseconds": Sent(
        status=429, headers={"retry-after-ms": "1500"}, outcome=Snoozed, said="fewer", wait_s=1.5
    ),
    "429 with OpenAI's resets": Sent(
        status=429,
        headers={
            "x-ratelimit-remaining-requests": "12",
            "x-ratelimit-reset-requests": "10ms",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        outcome=Snoozed,
        said="fewer",
        wait_s=360,
    ),
    "429 with Anthropic's resets": Sent(
        status=429,
        kind="rate_limit_error",
        headers={
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2027-01-15T08:02:10Z",  # 120 s from the attempt
        },
        outcome=Snoozed,
        said="fewer",
        wait_s=120,
    ),
    "429 that tells the time in words": Sent(
        status=429, message="Please try again in 1m30s.", outcome=Snoozed, said="fewer", wait_s=90
    ),
    "429 without a time": Sent(status=429, outcome=Snoozed, said="fewer", wait_s=30),
    "a spent account with a reset": Sent(
        status=429,
        code="usage_limit_reached",
        kind="invalid_request_error",
        message=(
            "You have reached your specified API usage limits. You will regain access on"
            " 2027-01-16 at 08:00 UTC."
        ),
        headers={"Retry-After": "5"},
        outcome=Snoozed,
        said="takes no more requests from this account",
        wait_s=86390,
    ),
    "a spent account": Sent(
        status=429,
        code="insufficient_quota",
        kind="billing_error",
        message="You exceeded your current quota.",
        outcome=Failed,
        said="top up its credit, then: skep swarm retry",
    ),
    "500": Sent(status=500, outcome=Retried, said="failed on its own side", wait_s=0),
    "503 with Retry-After": Sent(
        status=503, headers={"Retry-After": "7"}, outcome=Retried, said="overloaded", wait_s=7
    ),
    "529": Sent(
        status=529, kind="overloaded_error", outcome=Retried, said="is overloaded", wait_s=0
    ),
    "401": Sent(
        status=401,
        message="Incorrect API key provided: sk-12345678.",
        outcome=Failed,
        said="refused the key: Incorrect API key provided: sk-….",
    ),
    "404": Sent(status=404, outcome=Failed, said="has no such model"),
    "400": Sent(status=400, message="odd", outcome=Failed, said="rejected the request: odd."),
    "a context that is too long": Sent(
        status=400,
        code="context_length_exceeded",
        kind="invalid_request_error",
        message="prompt is too long: 9 tokens > 8 maximum",
        outcome=Failed,
        said="cannot take in so long a conversation",
    ),
    "a refused content": Sent(
        status=400,
        code="content_policy_violation",
        message="It breaks our content policy.",
        outcome=Failed,
        said="refused to answer this",
    ),
}


@pytest.mark.parametrize("sent", TABLE.values(), ids=TABLE.keys())
@protocols
async def test_an_error_is_told_by_status_header_and_body(
    protocol: Protocol, sent: Sent, open_desk: OpenDesk
) -> None:
    """Each error that a provider sends has its class, its wait and its words, on each protocol."""
    body = problem(protocol, code=sent.code, kind=sent.kind, message=sent.message)
    scene = Fails(status=sent.status, headers=sent.headers, body=body)

    async with (
        Stub([scene]) as stub,
        open_desk(stub, Wish(model=MODELS[protocol])) as desk,
    ):
        outcome = await desk.attempt()

        assert isinstance(outcome, sent.outcome), outcome
        assert sent.said in reason_of(outcome)
        assert len(stub.ledger) == 1, "nothing below the engine asks again"
        if sent.wait_s is not None:
            assert isinstance(outcome, Snoozed | Retried)
            assert outcome.wake_at - desk.now == pytest.approx(sent.wait_s)


@dataclass(frozen=True, kw_only=True)
class Mishap:
    """Something that happens to a connection, and what is said of it."""

    scene: Scene
    code: str
    said: str
    only_streamed: bool = False


MISHAPS: Mapping[str, Mishap] = {
    "reset before the head": Mishap(
        scene=Breaks(when="before"), code="answer_cut_off", said="broke off its answer"
    ),
    "reset after the head": Mishap(
        scene=Breaks(when="after"), code="answer_cut_off", said="broke off its answer"
    ),
    "cut in the middle": Mishap(
        scene=Breaks(when="midway"), code="answer_cut_off", said="it is asked again"
    ),
    "ended in the middle": Mishap(
        scene=Breaks(when="midway", cleanly=True),
        code="answer_cut_off",
        said="it ended before its end",
        only_streamed=True,
    ),
    "no JSON": Mishap(
        scene=Raw(content=b'{"id": "x", '), code="answer_malformed", said="cannot be read"
    ),
    "no first byte": Mishap(
        scene=Waits(when="at once"), code="provider_silent", said="did not answer in time"
    ),
    "silence in the middle": Mishap(
        scene=Waits(when="midway"), code="provider_silent", said="SKEP_MODEL_BETWEEN_BYTES_S"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS.keys())
@ways
@protocols
async def test_a_mishap_on_the_wire_is_tried_again(
    protocol: Protocol, mishap: Mishap, open_desk: OpenDesk, *, streams: bool
) -> None:
    """No hang, no leak, and the next attempt asks again: what came was thrown away."""
    if mishap.only_streamed and not streams:
        pytest.skip("a document has no clean end in its middle")
    patience = SHORT if isinstance(mishap.scene, Waits) else Patience()
    async with (
        Stub([mishap.scene, Says(text="All is well.")]) as stub,
        open_desk(stub, Wish(model=MODELS[protocol], streams=streams, patience=patience)) as desk,
    ):
        outcome = await desk.attempt()

        assert isinstance(outcome, Retried), outcome
        assert outcome.failure.code == mishap.code, outcome
        assert mishap.said in outcome.failure.message
        await desk.settle(outcome)
        again = await desk.attempt()
        assert isinstance(again, Succeeded)
        assert again.value == {"text": "All is well."}
        assert len(stub.ledger) == 2


@pytest.mark.slow
@ways
@protocols
async def test_an_answer_without_an_end_is_left(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """A server that never stops is read up to a limit, and the task says which."""
    patience = Patience(first_byte_s=30, between_bytes_s=30, answer_bytes_max=1_000_000)
    async with (
        Stub([NeverEnds()]) as stub,
        open_desk(stub, Wish(model=MODELS[protocol], streams=streams, patience=patience)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Failed)
    assert outcome.failure.code == "answer_too_long"
    assert "1,000,000 bytes" in outcome.failure.message


@pytest.mark.slow
@ways
@protocols
async def test_an_answer_of_five_megabytes_is_taken(
    protocol: Protocol, open_desk: OpenDesk, *, streams: bool
) -> None:
    """A large answer is no error: it is kept beside its record."""
    text = "honey " * (5 * 2**20 // 6)
    async with (
        Stub([Says(text=text)]) as stub,
        open_desk(stub, Wish(model=MODELS[protocol], streams=streams)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.value, dict)
    assert set(outcome.value) == {"$blob", "bytes"}


def reason_of(outcome: Outcome) -> str:
    """What an outcome says to the user."""
    match outcome:
        case Failed() | Retried():
            return outcome.failure.message
        case Snoozed():
            return outcome.reason
        case _:
            return ""
