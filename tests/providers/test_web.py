"""The way to a provider: base URLs, keys, proxies, and connections that are not left behind."""

import asyncio

import pytest
from tests.providers.conftest import OpenDesk
from tests.providers.desk import Wish
from tests.providers.scenario import Says, Waits
from tests.providers.stub import Stub

from skep.agent.models import NO_KEY, Models
from skep.drivers.web import HttpWeb
from skep.ports.web import Patience
from skep.records.errors import ModelNotConfigured
from skep.records.outcome import Retried, Succeeded


@pytest.mark.parametrize("provider", ["ollama", "vllm", "openai-chat", "openai-responses"])
async def test_a_server_of_ones_own_needs_no_key(provider: str, open_desk: OpenDesk) -> None:
    """Ollama, vLLM, llama.cpp and gateways are found by their base URL alone."""
    async with (
        Stub([Says(text="Here.")]) as stub,
        open_desk(stub, Wish(model=f"{provider}:llama", without_keys=True)) as desk,
    ):
        outcome = await desk.attempt()

    assert isinstance(outcome, Succeeded), outcome
    assert stub.ledger[0].headers["authorization"] == f"Bearer {NO_KEY}"
    assert stub.ledger[0].body["model"] == "llama"


@pytest.mark.parametrize(
    ("provider", "key"),
    [("openai-chat", "sk-test-of-the-stub"), ("anthropic", "sk-ant-of-the-stub")],
)
async def test_the_key_and_the_length_are_sent(
    provider: str, key: str, open_desk: OpenDesk
) -> None:
    """Under the names that the provider knows; every request says how long an answer may be."""
    async with (
        Stub([Says(text="Here.")]) as stub,
        open_desk(stub, Wish(model=f"{provider}:stub")) as desk,
    ):
        await desk.attempt()

    (asked,) = stub.ledger
    assert any(key in text for text in asked.headers.values())
    assert 8192 in {asked.body.get("max_tokens"), asked.body.get("max_completion_tokens")}


async def test_a_proxy_of_the_environment_is_gone_through() -> None:
    """What is no exception of NO_PROXY reaches the provider by way of its proxy."""
    async with Stub([Says(text="Here.")]) as proxy:
        environment = {
            "OPENAI_BASE_URL": "http://models.example.org/v1",
            "HTTP_PROXY": f"http://127.0.0.1:{proxy.port}",
        }
        web = HttpWeb(environment, patience=Patience())
        models = Models(environment=environment, own={}, client=web.client)
        client = web.client()
        answer = await client.post(
            "http://models.example.org/v1/chat/completions", json={"messages": []}
        )
        await web.aclose()

    assert models.is_provided("openai-chat:x")
    assert answer.json()["choices"][0]["message"]["content"] == "Here."
    assert proxy.ledger[0].headers["host"] == "models.example.org"


def test_a_ca_file_that_is_not_there_is_said_at_once() -> None:
    """The variable is named, for a TLS error would not name it."""
    web = HttpWeb({"SSL_CERT_FILE": "/no/such/file.pem"}, patience=Patience())

    with pytest.raises(ModelNotConfigured, match="no/such/file") as refused:
        web.client()

    assert "SSL_CERT_FILE" in refused.value.hint


async def test_a_cancelled_attempt_leaves_no_connection(open_desk: OpenDesk) -> None:
    """A worker that stops closes what it had asked, before its web is closed."""
    async with (
        Stub([Waits(when="midway")]) as stub,
        open_desk(stub, Wish(model="anthropic:stub")) as desk,
    ):
        running = asyncio.ensure_future(desk.attempt())
        await stub.asked()

        running.cancel()
        await stub.emptied()

        assert running.done() or running.cancelling()


async def test_nobody_at_the_address_is_said_to_be_out_of_reach(open_desk: OpenDesk) -> None:
    """A refused connection is no answer that broke off: nothing was sent."""
    async with Stub([Says(text="x")]) as stub:
        pass
    async with open_desk(stub, Wish(model="openai-chat:stub")) as desk:
        outcome = await desk.attempt()

    assert isinstance(outcome, Retried)
    assert outcome.failure.code == "provider_unreachable"
    assert "base URL" in outcome.failure.message
