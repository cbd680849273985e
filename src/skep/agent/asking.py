"""Asking a model, or the models of a chain one after the other, for the next message.

A chain goes on to its next model when the one before it cannot answer now: its provider is down,
overloaded, out of reach, or lets the account wait. What no model could mend (a refused key, a
rejected request, a refusal) ends the request at once. A model whose provider said how long to
wait is left alone that long while another one of the chain is not, by all agents of a process.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from skep.agent.failures import AttemptFailed
from skep.agent.faults import AnswerCutOff, model_failure, together
from skep.agent.hints import Heard
from skep.agent.journal import Bill
from skep.agent.prices import Prices
from skep.policy.faults import Fault
from skep.ports.web import ANSWER_TOKENS_MAX
from skep.records.outcome import ErrorClass, Failure
from skep.records.purse import Amount, Budget, total
from skep.records.values import Json

PASSED_OVER: Final = "passed_over"
"""Where an answer's metadata tells which models of its chain could not answer, and why."""

PASSING: Final = frozenset({ErrorClass.TRANSIENT, ErrorClass.QUOTA})

UNPAID: Final = frozenset(
    {
        Fault.RATE_LIMITED,
        Fault.ACCOUNT_LIMITED,
        Fault.OVERLOADED,
        Fault.UNREACHABLE,
        Fault.CONTEXT_FULL,
        Fault.KEY_REFUSED,
        Fault.MODEL_MISSING,
        Fault.REJECTED,
    }
)
"""Refused before anything was made: nobody sends a bill. After any other fault there may be one,
and after one of these in the midst of an answer."""

ModelOf: TypeAlias = Callable[[str], Model]


def _none_is(name: str) -> bool:
    del name
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """How the models of one process are asked.

    `is_provided` tells which names are those of providers: these are streamed (unless `streams`
    forbids it) and told how long an answer may be. `rests` has until when each is left alone.
    """

    model_of: ModelOf
    is_provided: Callable[[str], bool] = _none_is
    streams: bool = True
    answer_tokens_max: int = ANSWER_TOKENS_MAX
    prices: Prices = field(default_factory=Prices)
    rests: dict[str, float] = field(default_factory=dict[str, float])

    def bill(
        self,
        chain: Sequence[str],
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        *,
        budget: Budget,
    ) -> Bill | None:
        """Bound what asking a chain can take: the worst case of all its members together.

        Each of them may take money and give no answer. A free model takes requests alone, which
        are counted where a `budget` limits them. None when nothing has to be reserved.
        """
        if not any(map(self.is_provided, chain)) and budget.requests is None:
            return None
        return Bill(reserve=total(self._worst(name, messages, parameters) for name in chain))

    async def ask(
        self,
        chain: Sequence[str],
        messages: list[ModelMessage],
        parameters: ModelRequestParameters,
        *,
        now: Callable[[], float],
        heard: Heard | None = None,
        bill: Bill | None = None,
    ) -> ModelResponse:
        """Ask the first model of `chain` that answers; the answer's `model_id` tells which.

        The `bill` is told what each of those that were asked took, or may have taken.
        Raises `AttemptFailed` with the failures of all that were asked, joined.
        """
        failures = dict[str, Failure]()
        for name in self._ready(chain, now()):
            seen = _Seen()
            try:
                answer = await self._ask_one(name, messages, parameters, heard=heard, seen=seen)
            except Exception as error:
                failure = model_failure(error, model=name, now=now())
                failures[name] = failure
                if bill is not None and (seen.has_begun or failure.code not in UNPAID):
                    bill.take(self._cut_off(name, messages, parameters, seen=seen), name)
                if failure.error_class not in PASSING:
                    raise AttemptFailed(together(list(failures.values()), now=now())) from error
                self._let_rest(name, failure)
            else:
                if bill is not None:
                    bill.take(self._took(name, messages, parameters, answer=answer), name)
                return _signed(answer, name, failures)
        raise AttemptFailed(together(list(failures.values()), now=now()))

    def _took(
        self,
        name: str,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        *,
        answer: ModelResponse,
    ) -> Amount:
        worst = self._worst(name, messages, parameters)
        return self.prices.used(name, answer, worst=worst) if self.is_provided(name) else worst

    def _cut_off(
        self,
        name: str,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        *,
        seen: "_Seen",
    ) -> Amount:
        worst, most = self._worst(name, messages, parameters), self.answer_tokens_max
        if not self.is_provided(name):
            return worst
        return self.prices.seen(name, seen.answer, worst=worst, answer_tokens_max=most)

    def _worst(
        self,
        name: str,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
    ) -> Amount:
        if not self.is_provided(name):
            return Amount(requests=1)
        most = self.answer_tokens_max
        return self.prices.worst_case(name, messages, parameters, answer_tokens_max=most)

    async def _ask_one(
        self,
        name: str,
        messages: list[ModelMessage],
        parameters: ModelRequestParameters,
        *,
        heard: Heard | None,
        seen: "_Seen",
    ) -> ModelResponse:
        if not self.is_provided(name):
            return await self.model_of(name).request(messages, None, parameters)
        # Off the loop: the first one imports its provider, which takes seconds.
        model = await asyncio.to_thread(self.model_of, name)
        settings = ModelSettings(max_tokens=self.answer_tokens_max)
        if not self.streams:
            seen.answer = await model.request(messages, settings, parameters)
            return _finished(seen.answer)
        async with model.request_stream(messages, settings, parameters) as stream:
            try:
                async for event in stream:
                    if heard is not None and (text := _text_of(event)):
                        heard(text)
            finally:
                seen.answer = stream.get()
        return _finished(seen.answer)

    def _ready(self, chain: Sequence[str], now: float) -> Sequence[str]:
        """Leave out the models that rest; when all of them do, all are asked."""
        return [name for name in chain if self.rests.get(name, now) <= now] or chain

    def _let_rest(self, name: str, failure: Failure) -> None:
        if failure.retry_at is not None:
            self.rests[name] = failure.retry_at


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What has come of an answer so far; None where nobody could see it."""

    answer: ModelResponse | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the provider had begun to answer, so that there will be a bill."""
        return self.answer is not None and bool(self.answer.parts or self.answer.usage.input_tokens)


def _finished(answer: ModelResponse) -> ModelResponse:
    """Refuse an answer that its provider did not say is finished: the rest of it was lost."""
    details = answer.provider_details or {}
    if not (details.get("finish_reason") or details.get("refusal")):
        raise AnswerCutOff("it ended before its end")
    if answer.finish_reason == "error":
        raise AnswerCutOff(f"its provider says {details.get('finish_reason')!r}")
    return answer


def _text_of(event: object) -> str:
    match event:
        case PartStartEvent(part=TextPart(content=text)):
            return text
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case _:
            return ""


def _signed(answer: ModelResponse, name: str, failures: Mapping[str, Failure]) -> ModelResponse:
    """Note which model answered, and which ones before it could not."""
    answer.model_id = name
    if failures:
        passed: list[Json] = [
            {"model": model, "code": failure.code, "reason": failure.message}
            for model, failure in failures.items()
        ]
        answer.metadata = {**(answer.metadata or {}), PASSED_OVER: passed}
    return answer
