"""What model requests cost: the worst case before one is made, and the price of what it used.

Prices are those of genai-prices, through pydantic-ai. A price that nobody knows is None, never
zero; the offline model, models of one's own and servers of one's own are free, and known to be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_json

from skep.policy.limits import ALIASES
from skep.records.purse import NANO, Amount

FREE_PROVIDERS: Final = frozenset({"ollama", "vllm"})
"""Servers of one's own, which send no bill."""

MILLION: Final = 1_000_000

OVERHEAD_TOKENS: Final = 2_000
"""What a provider may add to a request: its own words about tools, and the marks of messages."""

ASCII_BYTES_A_TOKEN: Final = 2
"""Providers take about four; what is not ASCII is counted as a token for each byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What models cost; `told` has dollars per million tokens, asked and answered, by model."""

    told: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def of(self, model: str, *, input_tokens: int, output_tokens: int) -> int | None:
        """Give the price of a request in nano-dollars, rounded up; None when nobody knows it.

        >>> Prices(told={"openai:own": (3.0, 15.0)}).of(
        ...     "openai:own", input_tokens=2, output_tokens=1
        ... )
        21000
        """
        if model in self.told:
            asked, answered = self.told[model]
            return ceil((asked * input_tokens + answered * output_tokens) * NANO / MILLION)
        provider, _, name = model.partition(":")
        if provider in FREE_PROVIDERS:
            return 0
        return _listed(ALIASES.get(provider, provider), name, input_tokens, output=output_tokens)

    def worst_case(
        self,
        model: str,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        *,
        answer_tokens_max: int,
    ) -> Amount:
        """Bound what one request can take: its input by its bytes, its answer by its limit."""
        content = ModelMessagesTypeAdapter.dump_json(list(messages))
        content += to_json(parameters, fallback=str)
        given = _tokens_at_most(content) + OVERHEAD_TOKENS
        return Amount(
            requests=1,
            tokens=given + answer_tokens_max,
            nano_usd=self.of(model, input_tokens=given, output_tokens=answer_tokens_max),
        )

    def used(self, model: str, answer: ModelResponse, *, worst: Amount) -> Amount:
        """Say what an answer took, as its provider tells; the worst case when it does not."""
        asked, answered = answer.usage.input_tokens, answer.usage.output_tokens
        if not asked + answered:
            return worst
        return self._request(model, asked, answered=answered)

    def seen(
        self, model: str, answer: ModelResponse | None, *, worst: Amount, answer_tokens_max: int
    ) -> Amount:
        """Say what an answer took that broke off: what its provider told, and all that came of it.

        What came is counted as in the worst case, unless the last word on it had come too. Without
        a word on what was asked it is the worst case.
        """
        if answer is None or not answer.usage.input_tokens:
            return worst
        told, is_last = answer.usage.output_tokens, answer.finish_reason is not None
        came = 0 if is_last and told else _tokens_at_most(_said(answer).encode())
        answered = max(told, min(came, answer_tokens_max))
        return self._request(model, answer.usage.input_tokens, answered=answered)

    def _request(self, model: str, asked: int, *, answered: int) -> Amount:
        price = self.of(model, input_tokens=asked, output_tokens=answered)
        return Amount(requests=1, tokens=asked + answered, nano_usd=price)


def _tokens_at_most(content: bytes) -> int:
    plain = len(content.decode(errors="replace").encode("ascii", "ignore"))
    return plain // ASCII_BYTES_A_TOKEN + len(content) - plain


def _said(answer: ModelResponse) -> str:
    """All that came of an answer: what it thinks, what it says, and what it calls."""
    said = ""
    for part in answer.parts:
        match part:
            case TextPart() | ThinkingPart():
                said += part.content
            case ToolCallPart():
                said += part.tool_name + part.args_as_json_str()
            case _:
                said += str(part)
    return said


def _listed(provider: str, name: str, asked: int, *, output: int) -> int | None:
    """Look a price up in the list of genai-prices."""
    answer = ModelResponse(
        parts=[],
        usage=RequestUsage(input_tokens=asked, output_tokens=output),
        model_name=name or provider,
        provider_name=provider,
    )
    try:
        dollars = answer.cost().total_price
    except (LookupError, ValueError):
        return None
    return ceil(dollars * NANO)
