"""The web: how a process reaches the providers of language models, within limits."""

from dataclasses import dataclass
from typing import Final, Protocol

FIRST_BYTE_S: Final = 120.0
"""How long a provider may take from the request to the first byte of its answer."""

BETWEEN_BYTES_S: Final = 60.0
"""How long an answer under way may pause."""

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
"""One answer of a provider, as it comes over the wire."""


ANSWER_TOKENS_MAX: Final = 8_192
"""One answer of a model, in tokens, unless SKEP_MODEL_MAX_TOKENS says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request waits for its answer, and how long an answer may be."""

    first_byte_s: float = FIRST_BYTE_S
    between_bytes_s: float = BETWEEN_BYTES_S
    answer_bytes_max: int = ANSWER_BYTES_MAX
    answer_tokens_max: int = ANSWER_TOKENS_MAX


class Web(Protocol):
    """One HTTP client per process, made when it is first asked for."""

    def client(self) -> object:
        """Give the `httpx2.AsyncClient` that the providers' own clients send with.

        It repeats nothing by itself: a retry is the engine's. A request that waits longer than
        its patience raises the client's time-out, an answer that is too long `AnswerTooLong`.
        """
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...
