"""What a provider's error means: its kind, told by status, code and words, and what follows.

Providers agree on little. A 429 is a rate limit or an empty account, a 400 a full context or a
broken request, and inside a stream there is no status at all. So the signs are read in a fixed
order, the most telling first: the error's own code, its words, then the status. What is left
over is the provider's fault from 500 on and ours below it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from skep.records.outcome import ErrorClass


class Fault(StrEnum):
    """What went wrong between Skep and a model; the value is the code of the failure."""

    RATE_LIMITED = "rate_limited"
    ACCOUNT_LIMITED = "account_limited"
    OVERLOADED = "provider_overloaded"
    PROVIDER_FAILED = "provider_failed"
    UNREACHABLE = "provider_unreachable"
    SILENT = "provider_silent"
    CUT_OFF = "answer_cut_off"
    MALFORMED = "answer_malformed"
    TOO_LARGE = "answer_too_long"
    REFUSED = "content_refused"
    CONTEXT_FULL = "context_too_long"
    KEY_REFUSED = "key_refused"
    MODEL_MISSING = "model_missing"
    REJECTED = "request_rejected"


CLASS_OF: Final[Mapping[Fault, ErrorClass]] = {
    Fault.RATE_LIMITED: ErrorClass.QUOTA,
    Fault.ACCOUNT_LIMITED: ErrorClass.QUOTA,
    Fault.OVERLOADED: ErrorClass.TRANSIENT,
    Fault.PROVIDER_FAILED: ErrorClass.TRANSIENT,
    Fault.UNREACHABLE: ErrorClass.TRANSIENT,
    Fault.SILENT: ErrorClass.TRANSIENT,
    Fault.CUT_OFF: ErrorClass.TRANSIENT,
    Fault.MALFORMED: ErrorClass.TRANSIENT,
    Fault.TOO_LARGE: ErrorClass.PERMANENT,
    Fault.REFUSED: ErrorClass.PERMANENT,
    Fault.CONTEXT_FULL: ErrorClass.PERMANENT,
    Fault.KEY_REFUSED: ErrorClass.PERMANENT,
    Fault.MODEL_MISSING: ErrorClass.PERMANENT,
    Fault.REJECTED: ErrorClass.PERMANENT,
}
"""A spent account is a quota only when the provider says until when; see `class_of`."""

TRIPPING: Final = frozenset(
    {
        Fault.OVERLOADED,
        Fault.PROVIDER_FAILED,
        Fault.UNREACHABLE,
        Fault.SILENT,
        Fault.CUT_OFF,
    }
)
"""What a circuit breaker counts: the provider could not do what it might do in a moment."""

LIMITING: Final = frozenset({Fault.RATE_LIMITED, Fault.ACCOUNT_LIMITED})
"""What says that a limit of the provider is used up."""

OF_THE_PROVIDER: Final = frozenset({Fault.UNREACHABLE, Fault.ACCOUNT_LIMITED})
"""What is so for every model of a provider, and not for the one that was asked alone."""

WORDS: Final[Mapping[Fault, tuple[str, str]]] = {
    Fault.RATE_LIMITED: (
        "asks for fewer requests",
        "The task sleeps until the provider takes requests again; nothing is lost.",
    ),
    Fault.ACCOUNT_LIMITED: (
        "takes no more requests from this account",
        "Raise its limit or top up its credit, then: skep swarm retry ID.",
    ),
    Fault.OVERLOADED: ("is overloaded", "It is asked again after a rest."),
    Fault.PROVIDER_FAILED: ("failed on its own side", "It is asked again after a rest."),
    Fault.UNREACHABLE: (
        "could not be reached",
        "Look at the network, the base URL and the proxy; it is asked again after a rest.",
    ),
    Fault.SILENT: (
        "did not answer in time",
        (
            "It is asked again; SKEP_MODEL_FIRST_BYTE_S and SKEP_MODEL_BETWEEN_BYTES_S say how long"
            " is waited."
        ),
    ),
    Fault.CUT_OFF: ("broke off its answer", "What came is thrown away, and it is asked again."),
    Fault.MALFORMED: (
        "answered what cannot be read",
        "It is asked again; if it stays so, look whether the base URL is that of its API.",
    ),
    Fault.TOO_LARGE: ("answered with more than is read", "Ask for less at once: split the task."),
    Fault.REFUSED: ("refused to answer this", "Word the task differently, or use another model."),
    Fault.CONTEXT_FULL: (
        "cannot take in so long a conversation",
        "Split the task, or use a model with a larger context.",
    ),
    Fault.KEY_REFUSED: (
        "refused the key",
        "Look at the key and what it may use, then: skep swarm retry ID.",
    ),
    Fault.MODEL_MISSING: (
        "has no such model",
        "Look at the model's name, and at the base URL.",
    ),
    Fault.REJECTED: ("rejected the request", "Trying again would not help."),
}
"""For each fault: what the provider did, and what to do or what follows."""

_BY_CODE: Final[Mapping[str, Fault]] = {
    **dict.fromkeys(
        (
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_error",
            "billing_not_active",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "usage_limit_reached",
            "exceeded_current_quota_error",
        ),
        Fault.ACCOUNT_LIMITED,
    ),
    **dict.fromkeys(("context_length_exceeded", "string_above_max_length"), Fault.CONTEXT_FULL),
    **dict.fromkeys(
        ("content_filter", "content_policy_violation", "content_policy", "invalid_prompt"),
        Fault.REFUSED,
    ),
    **dict.fromkeys(
        ("invalid_api_key", "authentication_error", "permission_error"), Fault.KEY_REFUSED
    ),
    **dict.fromkeys(("model_not_found", "not_found_error"), Fault.MODEL_MISSING),
    **dict.fromkeys(("overloaded_error", "server_is_overloaded", "overloaded"), Fault.OVERLOADED),
    **dict.fromkeys(
        ("rate_limit_exceeded", "rate_limit_error", "too_many_requests"), Fault.RATE_LIMITED
    ),
    **dict.fromkeys(("server_error", "api_error", "timeout_error"), Fault.PROVIDER_FAILED),
}
"""Codes and types of errors, as OpenAI, Anthropic and those who imitate them send them."""

_BY_WORDS: Final[Sequence[tuple[re.Pattern[str], Fault]]] = [
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (
            (
                r"maximum context length|prompt is too long|context (length|window|size)[^.]{0,40}"
                r"exceed|exceeds?[^.]{0,40}context|reduce the length of the messages"
            ),
            Fault.CONTEXT_FULL,
        ),
        (
            (
                r"credit balance is too low|exceeded your current quota"
                r"|usage limits?[^.]{0,60}regain|specified api usage limits"
                r"|spend(ing)? limit|plan and billing"
            ),
            Fault.ACCOUNT_LIMITED,
        ),
        (r"content[ _](management )?(policy|filter)", Fault.REFUSED),
    )
]

_BY_STATUS: Final[Mapping[int, Fault]] = {
    401: Fault.KEY_REFUSED,
    402: Fault.ACCOUNT_LIMITED,
    403: Fault.KEY_REFUSED,
    404: Fault.MODEL_MISSING,
    408: Fault.SILENT,
    409: Fault.PROVIDER_FAILED,
    413: Fault.CONTEXT_FULL,
    425: Fault.PROVIDER_FAILED,
    429: Fault.RATE_LIMITED,
    503: Fault.OVERLOADED,
    529: Fault.OVERLOADED,
}

HTTP_SERVER_ERROR: Final = 500
SAID_CHARS_MAX: Final = 300
"""How much of a provider's own words is repeated."""

_secret = re.compile(r"\b(sk-|pk-|key-|Bearer )[A-Za-z0-9*_.-]{6,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known of an error: its status, headers in small letters, and body.

    `codes` are the error's code and type, as far as it has them; `said` is its message.
    """

    status: int | None = None
    headers: Mapping[str, str]
    codes: tuple[str, ...] = ()
    said: str = ""
    body: object = None


def fault_of(signs: Signs) -> Fault:
    """Tell the kind of an error from its signs.

    >>> fault_of(Signs(status=429, headers={}, codes=("insufficient_quota",)))
    <Fault.ACCOUNT_LIMITED: 'account_limited'>
    >>> fault_of(Signs(status=400, headers={}, said="prompt is too long: 9 tokens > 8 maximum"))
    <Fault.CONTEXT_FULL: 'context_too_long'>
    """
    by_words = next((fault for words, fault in _BY_WORDS if words.search(signs.said)), None)
    if by_words is not None and _may_be_told_by_words(signs.status):
        return by_words
    for code in signs.codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    status = signs.status or 0
    default = Fault.PROVIDER_FAILED if _is_theirs(status) else Fault.REJECTED
    return _BY_STATUS.get(status, default)


def class_of(fault: Fault, *, retry_at: float | None) -> ErrorClass:
    """Tell what a fault means for its task.

    A spent account is waited for only when the provider says until when: nobody else can tell.
    """
    if fault is Fault.ACCOUNT_LIMITED and retry_at is None:
        return ErrorClass.PERMANENT
    return CLASS_OF[fault]


def sentence_of(fault: Fault, *, model: str, said: str, retry_at: float | None = None) -> str:
    """Say what happened in the provider's words and ours, and what to do; keys are left out."""
    what, hint = WORDS[fault]
    if fault is Fault.ACCOUNT_LIMITED and retry_at is not None:
        hint = "The task sleeps until the limit is reset; raising it helps sooner."
    words = _secret.sub(r"\1…", " ".join(said.split()))[:SAID_CHARS_MAX].rstrip(" .")
    return f"The model {model} {what}{f': {words}' if words else ''}. {hint}"


def _may_be_told_by_words(status: int | None) -> bool:
    """A server that failed may say anything; a refusal means what it says."""
    return status is None or status < HTTP_SERVER_ERROR


def _is_theirs(status: int) -> bool:
    return status >= HTTP_SERVER_ERROR or status == 0
