"""Leave to ask: which requests knock, who waits, and what the gates are told of them."""

import asyncio
from collections.abc import Sequence

import pytest
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError, ModelServerError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage
from typing_extensions import override

from skep.agent.asking import Asker
from skep.agent.failures import AttemptFailed
from skep.agent.gatekeeping import GATE_WAITS, PATIENCE_S, SIGHT_S, Door, Gatekeeper
from skep.policy.breaker import BREAKER
from skep.policy.limits import limits_from
from skep.ports.gates import Gates
from skep.records.gate import Gate, GateReport, Knock, KnockAnswer
from skep.records.outcome import ErrorClass, Failure
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.memory import MemoryHarness
from skep.testing.models import ScriptedModel

DOWN = ModelServerError("m", "it failed", body={"message": "it failed"})
AWAY = ModelConnectionError("m", "refused", phase="connect")
LIMITED = ModelHTTPError(429, "m", {"message": "slow down"}, headers={"retry-after": "20"})
SPENT = ModelHTTPError(
    429, "m", {"message": "You exceeded your current quota"}, headers={"retry-after": "600"}
)


class Provided(ScriptedModel):
    """A provider's model: it answers, or fails, as it is told to."""

    def __init__(self) -> None:
        super().__init__(["yes"])
        self.asked: int = 0
        self.error: Exception | None = None
        self.is_silent = False
        self.begun = asyncio.Event()

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer with 30 tokens, fail, or say nothing for ever."""
        self.asked += 1
        self.begun.set()
        if self.is_silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        usage = RequestUsage(input_tokens=20, output_tokens=10)
        ended = {"finish_reason": "stop"}
        return ModelResponse(parts=[TextPart("yes")], usage=usage, provider_details=ended)


class Bed(ManualClock):
    """A clock that tells when somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = asyncio.Event()

    @override
    async def sleep(self, seconds: float) -> None:
        """Tell, and sleep."""
        self.taken.set()
        await super().sleep(seconds)


class Watched:
    """The gates of a store, which note how they were called."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self.calls: list[str] = []

    async def admit(self, knocks: Sequence[Knock]) -> Sequence[KnockAnswer]:
        """Note and hand on."""
        self.calls.append("admit")
        return await self._gates.admit(knocks)

    async def report(self, reports: Sequence[GateReport]) -> None:
        """Note and hand on."""
        self.calls.append("report")
        await self._gates.report(reports)

    async def read(self) -> Sequence[Gate]:
        """Note and hand on."""
        self.calls.append("read")
        return await self._gates.read()

    async def reopen(self, gates: Sequence[str]) -> Sequence[bool]:
        """Note and hand on."""
        self.calls.append("reopen")
        return await self._gates.reopen(gates)


class Fleet:
    """Two processes, `0` and `1`, that ask the models `p:a` and `q:b` by the gates of one store."""

    def __init__(self, gates: Gates, clock: Bed, limits: str) -> None:
        self.clock, self.gates = clock, Watched(gates)
        self.models: dict[str, Provided] = {"p:a": Provided(), "q:b": Provided()}
        door = Door(gates=self.gates, clock=clock, chance=SeededChance(3))
        self.askers = [
            Asker(
                model_of=lambda name: self.models[name],
                is_provided=lambda _: True,
                streams=False,
                keeper=Gatekeeper(limits=limits_from(limits)),
            ).at(door)
            for _ in range(2)
        ]

    @classmethod
    async def open(cls, limits: str = "") -> "Fleet":
        """Open a store for them."""
        clock = Bed()
        store = await MemoryHarness().open(clock=clock, chance=SeededChance(1))
        return cls(store.gates, clock, limits)

    async def ask(self, process: int = 0, chain: Sequence[str] = ("p:a",)) -> ModelResponse:
        """Ask a chain in one of the processes."""
        messages = [ModelRequest.user_text_prompt("hi")]
        parameters = ModelRequestParameters()
        return await self.askers[process].ask(chain, [*messages], parameters, now=self.clock.now)

    async def failure(self, process: int = 0, chain: Sequence[str] = ("p:a",)) -> Failure:
        """Ask a chain, which fails."""
        with pytest.raises(AttemptFailed) as failed:
            await self.ask(process, chain)
        return failed.value.failure

    async def gate(self, name: str) -> Gate:
        """Read one gate."""
        return {each.name: each for each in await self.gates.read()}[name]

    @property
    def asked(self) -> tuple[int, int]:
        """How often each model was asked."""
        return self.models["p:a"].asked, self.models["q:b"].asked


async def test_where_nothing_is_limited_requests_cost_no_call() -> None:
    """A hundred requests of one second take one look at the gates together."""
    fleet = await Fleet.open()

    for _ in range(100):
        await fleet.ask()

    assert fleet.gates.calls == ["read"]


async def test_limits_of_another_provider_cost_nothing() -> None:
    """Only requests that are limited knock; of these each is reported."""
    fleet = await Fleet.open("q: rpm=60000")

    await fleet.ask(chain=["p:a"])
    await fleet.ask(chain=["q:b"])

    assert fleet.gates.calls == ["read", "admit", "report"]


async def test_a_request_over_the_limit_sleeps_and_fails_nobody() -> None:
    """The task is told in plain words what it waits for; the provider is not asked."""
    fleet = await Fleet.open("p: rpm=1")
    await fleet.ask(0)

    failure = await fleet.failure(1)

    assert (failure.error_class, failure.code) == (ErrorClass.QUOTA, GATE_WAITS)
    assert failure.retry_at == pytest.approx(fleet.clock.now() + 61.0 - PATIENCE_S)
    assert failure.message.startswith("The model p:a waits for p until 2027-01-15 08:01:00 UTC: ")
    assert fleet.asked == (1, 0)


async def test_a_turn_that_is_near_is_waited_for_in_place() -> None:
    """The request is made when its turn comes, and not before."""
    fleet = await Fleet.open("p: rps=2")
    await fleet.ask(0)
    waiting = asyncio.ensure_future(fleet.ask(1))
    await fleet.clock.taken.wait()
    before = fleet.asked
    fleet.clock.advance(0.53)

    await waiting

    assert (before, fleet.asked) == ((1, 0), (2, 0))


async def test_tokens_are_corrected_by_the_answer() -> None:
    """What the answer did not take makes room for the next request."""
    fleet = await Fleet.open("p: tpm=60000")
    await fleet.ask(0)

    await fleet.ask(1)

    meter = (await fleet.gate("p")).meters["tokens/60"]
    assert meter.busy_until - fleet.clock.now() == pytest.approx(60 * meter.unit_s, abs=1e-3)


async def test_a_full_place_is_free_when_the_answer_came() -> None:
    """One at once: the second waits while the first is made, and passes afterwards."""
    fleet = await Fleet.open("p: at_once=1")
    fleet.models["p:a"].is_silent = True
    first = asyncio.ensure_future(fleet.ask(0))
    await fleet.models["p:a"].begun.wait()
    failure = await fleet.failure(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    fleet.models["p:a"].is_silent = False

    await fleet.ask(1)

    assert failure.code == GATE_WAITS
    assert (await fleet.gate("p")).passes == ()


async def test_a_rate_limit_is_known_to_all_processes() -> None:
    """Within a second nobody asks a model whose provider wants to be left alone."""
    fleet = await Fleet.open()
    fleet.models["p:a"].error = LIMITED
    await fleet.ask(1, ["q:b"])
    first = await fleet.failure(0)
    fleet.models["p:a"].error = None
    fleet.clock.advance(SIGHT_S)

    second = await fleet.failure(1)

    assert (first.code, second.code) == ("rate_limited", GATE_WAITS)
    assert second.retry_at == first.retry_at
    assert fleet.asked == (1, 1)
    fleet.clock.advance(20 - SIGHT_S)
    await fleet.ask(1)


async def test_a_spent_account_puts_the_provider_to_sleep() -> None:
    """Its other models wait as well, and another provider answers."""
    fleet = await Fleet.open()
    fleet.models["p:a"].error = SPENT
    fleet.models["p:other"] = Provided()
    await fleet.failure(0)

    answer = await fleet.ask(1, ["p:other", "q:b"])

    assert answer.model_id == "q:b"
    assert fleet.models["p:other"].asked == 0
    assert (await fleet.gate("p")).rest_until == fleet.clock.now() + 600


@pytest.mark.parametrize(("error", "gate"), [(DOWN, "p:a"), (AWAY, "p")])
async def test_a_breaker_passes_a_failing_model_over(error: Exception, gate: str) -> None:
    """After five failures anywhere the chain goes on without it, until a probe finds it well."""
    fleet = await Fleet.open()
    fleet.models["p:a"].error = error
    for number in range(BREAKER.failures_min):
        await fleet.failure(number % 2)
    asked = fleet.asked

    answer = await fleet.ask(1, ["p:a", "q:b"])
    alone = await fleet.failure(0)

    assert (answer.model_id, alone.code) == ("q:b", GATE_WAITS)
    assert fleet.asked == (asked[0], 1)
    assert (await fleet.gate(gate)).breaker.open_until == alone.retry_at
    fleet.models["p:a"].error = None
    fleet.clock.advance(BREAKER.open_s)
    await fleet.ask(0)
    assert (await fleet.gate(gate)).breaker.open_until == 0


async def test_a_refusal_trips_nothing() -> None:
    """A rejected request says nothing against the provider."""
    fleet = await Fleet.open()
    fleet.models["p:a"].error = ModelHTTPError(400, "m", {"message": "no"})

    for _ in range(2 * BREAKER.failures_min):
        await fleet.failure()

    assert fleet.gates.calls == ["read"]


async def test_failures_among_successes_trip_nothing() -> None:
    """What went well meanwhile is told with the failure."""
    fleet = await Fleet.open()
    for _ in range(BREAKER.failures_min):
        fleet.models["p:a"].error = None
        await fleet.ask()
        await fleet.ask()
        fleet.models["p:a"].error = DOWN
        await fleet.failure()

    gate = await fleet.gate("p:a")
    assert (gate.breaker.ok, gate.breaker.failed) == (2 * BREAKER.failures_min, 5)
    assert gate.breaker.open_until == 0
