"""Chains of models: who is asked next, who rests, and what the failures of all come to."""

import pytest
from pydantic_ai.exceptions import (
    ModelConnectionError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelServerError,
)
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from skep.agent.answers import PASSED_OVER
from skep.agent.asking import Asker
from skep.agent.failures import AttemptFailed
from skep.records.outcome import ErrorClass, Failure
from skep.testing.clock import ManualClock
from skep.testing.models import Line, ScriptedModel

DOWN = ModelServerError("m", "it failed", body={"message": "it failed"})
REFUSED = ModelHTTPError(401, "m", {"message": "no"})


def limited(retry_after_s: int) -> Exception:
    """A rate limit with the provider's own word for how long."""
    return ModelHTTPError.for_category(
        ModelRateLimitError,
        status_code=429,
        model_name="m",
        headers={"retry-after": str(retry_after_s)},
    )


class Chain:
    """Two scripted models, `a` and `b`, on a clock."""

    def __init__(self, a: Line, b: Line) -> None:
        self.models = {"a": ScriptedModel([a]), "b": ScriptedModel([b])}
        self.clock = ManualClock()
        self.asker = Asker(model_of=lambda name: self.models[name])

    async def ask(self) -> ModelResponse:
        """Ask the chain."""
        messages = [ModelRequest(parts=[UserPromptPart(content="hi")])]
        parameters = ModelRequestParameters()
        return await self.asker.ask(("a", "b"), [*messages], parameters, now=self.clock.now)

    async def failure(self) -> Failure:
        """Ask the chain, which fails."""
        with pytest.raises(AttemptFailed) as failed:
            await self.ask()
        return failed.value.failure

    @property
    def asked(self) -> tuple[int, int]:
        """How often each was asked."""
        return self.models["a"].asked, self.models["b"].asked


async def test_the_first_model_that_can_answers() -> None:
    """While it does, nobody asks the second; the answer says who gave it."""
    chain = Chain("yes", "no")

    answer = await chain.ask()

    assert (answer.model_id, answer.metadata, chain.asked) == ("a", None, (1, 0))


@pytest.mark.parametrize(
    "error",
    [DOWN, limited(20), ModelConnectionError("m", "refused", phase="connect")],
    ids=["down", "limited", "unreachable"],
)
async def test_a_model_that_cannot_answer_now_is_passed_over(error: Exception) -> None:
    """The next one is asked, and the recorded answer tells who was passed over and why."""
    chain = Chain(error, "no")

    answer = await chain.ask()

    assert answer.model_id == "b"
    (passed,) = (answer.metadata or {})[PASSED_OVER]
    assert passed["model"] == "a"
    assert passed["code"] in {"provider_failed", "rate_limited", "provider_unreachable"}
    assert "The model a " in passed["reason"]


async def test_what_no_model_could_mend_ends_the_request() -> None:
    """A refused key is for a person to see, not for another model to hide."""
    chain = Chain(REFUSED, "no")

    failure = await chain.failure()

    assert (failure.code, chain.asked) == ("key_refused", (1, 0))


async def test_a_model_rests_as_long_as_its_provider_said() -> None:
    """Retry-After holds for the next request too, and not a moment longer."""
    chain = Chain(limited(20), "no")
    await chain.ask()
    await chain.ask()
    before = chain.asked
    chain.clock.advance(20)

    await chain.ask()

    assert (before, chain.asked) == ((1, 2), (2, 3))


async def test_a_chain_that_rests_whole_is_asked_all_the_same() -> None:
    """There is nobody else to ask; the task slept until the earliest of their times."""
    chain = Chain(limited(20), limited(90))

    failure = await chain.failure()
    chain.clock.advance(20)
    again = await chain.failure()

    assert failure.error_class is ErrorClass.QUOTA
    assert failure.retry_at == chain.clock.now() - 20 + 20
    assert again.retry_at == chain.clock.now() + 20
    assert chain.asked == (2, 1), "the second one still rests"


async def test_a_quota_goes_before_a_failure_that_may_soon_be_over() -> None:
    """The task sleeps without counting a failure, but not for a day when one may soon be well."""
    chain = Chain(limited(86_400), DOWN)

    failure = await chain.failure()

    assert failure.error_class is ErrorClass.QUOTA
    assert failure.retry_at == chain.clock.now() + 30


async def test_two_that_fail_are_tried_again_after_a_rest() -> None:
    """What is transient for all of them is transient."""
    chain = Chain(DOWN, ModelConnectionError("m", "reset", phase="read"))

    failure = await chain.failure()

    assert (failure.error_class, failure.code) == (ErrorClass.TRANSIENT, "provider_failed")
    assert chain.asked == (1, 1)
