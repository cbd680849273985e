"""Asking a model, or the models of a chain one after the other, for the next message.

A chain goes on to its next model when the one before it cannot answer now: its provider is down,
overloaded, out of reach, or lets the account wait. What no model could mend (a refused key, a
rejected request, a refusal) ends the request at once. A model whose provider said how long to
wait is left alone that long while another one of the chain is not, by all agents of a process; and
by all processes of a store, where the asker stands at a door (see `agent.gatekeeping`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeAlias

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

from skep.agent.answers import PASSED_OVER
from skep.agent.failures import AttemptFailed
from skep.agent.faults import AnswerCutOff, model_failure, together
from skep.agent.gatekeeping import Door, Entry, Gatekeeper, waits
from skep.agent.hints import Heard
from skep.agent.journal import Bill
from skep.agent.prices import Prices
from skep.policy.faults import Fault
from skep.ports.web import ANSWER_TOKENS_MAX
from skep.records.gate import Wait
from skep.records.outcome import ErrorClass, Failure
from skep.records.purse import Amount, Budget, total
from skep.records.values import Json

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
    At a `door` the `keeper` asks leave for each request.
    """

    model_of: ModelOf
    is_provided: Callable[[str], bool] = _none_is
    streams: bool = True
    answer_tokens_max: int = ANSWER_TOKENS_MAX
    prices: Prices = field(default_factory=Prices)
    rests: dict[str, float] = field(default_factory=dict[str, float])
    keeper: Gatekeeper = field(default_factory=Gatekeeper)
    door: Door | None = None

    def at(self, door: Door) -> Self:
        """Stand at a door; what is known of models and gates is shared by all doors."""
        return replace(self, door=door)

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
            entry = await self._enter(name, messages, parameters)
            if isinstance(entry, Wait):
                failures[name] = waits(entry, model=name)
                continue
            seen = _Seen()
            try:
                answer = await self._ask_one(name, messages, parameters, heard=heard, seen=seen)
            except Exception as error:
                failure = failures[name] = model_failure(error, model=name, now=now())
                is_unpaid = failure.code in UNPAID and not seen.has_begun
                if bill is not None and not is_unpaid:
                    bill.take(self._cut_off(name, messages, parameters, seen=seen), name)
                await _tell_failure(entry, failure, is_unpaid=is_unpaid)
                if failure.error_class not in PASSING:
                    raise AttemptFailed(together(list(failures.values()), now=now())) from error
                self._let_rest(name, failure)
            except BaseException:
                await _abandon(entry)
                raise
            else:
                if bill is not None:
                    bill.take(self._took(name, messages, parameters, answer=answer), name)
                await _tell_answer(entry, answer)
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

    async def _enter(
        self,
        name: str,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
    ) -> Entry | Wait | None:
        """Ask leave for a request, where there is a door."""
        if self.door is None:
            return None
        is_provided = self.is_provided(name)
        if is_provided and self.keeper.is_limited(name):
            # Before its turn: the first one imports its provider, which takes seconds. What is
            # wrong with it is said by the request.
            with suppress(Exception):
                await asyncio.to_thread(self.model_of, name)
        return await self.keeper.enter(
            name,
            self.door,
            is_provided=is_provided,
            tokens=lambda: self._worst(name, messages, parameters).tokens,
        )

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


async def _tell_failure(entry: Entry | None, failure: Failure, *, is_unpaid: bool) -> None:
    if entry is not None:
        await entry.failed(failure, is_unpaid=is_unpaid)


async def _tell_answer(entry: Entry | None, answer: ModelResponse) -> None:
    if entry is not None:
        await entry.answered(answer.usage.input_tokens + answer.usage.output_tokens or None)


async def _abandon(entry: Entry | None) -> None:
    if entry is not None:
        await entry.abandoned()


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
