"""Faults and resets: whatever a provider sends has a class, and no time is out of bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skep.policy.faults import CLASS_OF, WORDS, Fault, Signs, class_of, fault_of, sentence_of
from skep.policy.proxies import proxy_for
from skep.policy.resets import duration_s, reset_at
from skep.records.limits import SECONDS_MAX
from skep.records.outcome import ErrorClass

NOW = 1_800_000_000.0

texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "20",
            "-1",
            "nan",
            "inf",
            "1e9",
            "1.5",
            "6m0s",
            "Fri, 15 Jan 2027 08:00:20 GMT",
            "Fri, 99 Jan 2027 08:00:20 GMT",
            "2027-01-15T08:00:20Z",
            "9999-12-31T23:59:59+14:00",
            "0001-01-01T00:00:00Z",
            "1800000020",
            "1800000020000",
            "99999999999999999",
        ]
    ),
)
names = st.sampled_from(
    [
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-reset",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-remaining-tokens",
        "anthropic-ratelimit-requests-reset",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-unified-reset",
    ]
)
bodies = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["error", "details", "resets_at", "retry_after", "retryDelay", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(
    headers=st.dictionaries(names, texts, max_size=4),
    said=texts,
    body=bodies,
    is_account=st.booleans(),
)
def test_no_word_of_a_provider_leads_to_a_time_out_of_bounds(
    headers: dict[str, str], said: str, body: object, *, is_account: bool
) -> None:
    """Whatever stands in headers and body, the time is none, or between now and the longest."""
    at = reset_at(headers, said=said, body=body, now=NOW, is_account=is_account)

    assert at is None or (math.isfinite(at) and NOW <= at <= NOW + SECONDS_MAX)


@given(
    status=st.one_of(st.none(), st.integers(100, 999)),
    codes=st.lists(texts, max_size=2),
    said=texts,
)
def test_every_error_has_a_kind_a_class_and_words(
    status: int | None, codes: list[str], said: str
) -> None:
    """No status, code or message leaves an error without what it means and what to do."""
    fault = fault_of(Signs(status=status, headers={}, codes=tuple(codes), said=said))

    told = sentence_of(fault, model="m", said=said)
    assert class_of(fault, retry_at=None) in ErrorClass
    assert told.startswith(f"The model m {WORDS[fault][0]}")
    assert told.endswith(WORDS[fault][1])


def test_every_kind_is_in_both_tables() -> None:
    """A new kind of fault cannot be forgotten."""
    assert set(CLASS_OF) == set(WORDS) == set(Fault)


@given(status=st.integers(500, 599), said=texts)
def test_a_server_that_failed_is_asked_again(status: int, said: str) -> None:
    """From 500 on the fault is the provider's, whatever its page says."""
    fault = fault_of(Signs(status=status, headers={}, said=said))

    assert class_of(fault, retry_at=None) is ErrorClass.TRANSIENT


@pytest.mark.parametrize(
    ("status", "code", "said", "fault"),
    [
        (429, "insufficient_quota", "", Fault.ACCOUNT_LIMITED),
        (400, "", "Your credit balance is too low to access the API.", Fault.ACCOUNT_LIMITED),
        (402, "", "", Fault.ACCOUNT_LIMITED),
        (429, "rate_limit_exceeded", "Limit 3, Used 3. Please try again in 20s.", "rate_limited"),
        (400, "context_length_exceeded", "", Fault.CONTEXT_FULL),
        (400, "", "This model's maximum context length is 8 tokens.", Fault.CONTEXT_FULL),
        (413, "request_too_large", "", Fault.CONTEXT_FULL),
        (400, "content_policy_violation", "", Fault.REFUSED),
        (None, "overloaded_error", "Overloaded", Fault.OVERLOADED),
        (None, "server_error", "", Fault.PROVIDER_FAILED),
        (403, "", "", Fault.KEY_REFUSED),
        (404, "model_not_found", "", Fault.MODEL_MISSING),
        (422, "", "odd", Fault.REJECTED),
        (529, "", "", Fault.OVERLOADED),
    ],
)
def test_an_error_is_told_by_its_most_telling_sign(
    status: int | None, code: str, said: str, fault: Fault
) -> None:
    """The errors of the providers' references, each with its kind."""
    assert fault_of(Signs(status=status, headers={}, codes=(code,), said=said)) == fault


@pytest.mark.parametrize(
    ("headers", "said", "body", "wait_s"),
    [
        ({"retry-after": "7"}, "try again in 1h", None, 7),
        ({"retry-after-ms": "250"}, "", None, 0.25),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}, "", None, 20),
        ({"x-ratelimit-reset": "1800000030000"}, "", None, 30),
        ({"x-ratelimit-reset-requests": "1m", "x-ratelimit-reset-tokens": "1s"}, "", None, 1),
        ({"anthropic-ratelimit-unified-reset": "1800003600"}, "", None, 3600),
        ({}, "Please retry after 20 seconds.", None, 20),
        ({}, "", {"error": {"resets_in_seconds": 90}}, 90),
        ({}, "", {"error": {"resets_at": 1_800_000_060}}, 60),
        ({}, "", {"error": {"details": [{"retryDelay": "14s"}]}}, 14),
        ({}, "Come back some day.", {"error": {}}, None),
        ({"retry-after": "soon"}, "", None, None),
        ({"retry-after": "99999999999"}, "", None, SECONDS_MAX),
    ],
)
def test_the_time_is_read_wherever_a_provider_says_it(
    headers: dict[str, str], said: str, body: object, wait_s: float | None
) -> None:
    """Header, words or body; seconds, milliseconds, durations, dates and epochs."""
    at = reset_at(headers, said=said, body=body, now=NOW, is_account=False)

    assert at == (None if wait_s is None else pytest.approx(NOW + wait_s, abs=0.01))


@given(hours=st.integers(0, 99), minutes=st.integers(0, 59), seconds=st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_pieces(hours: int, minutes: int, seconds: int) -> None:
    """As OpenAI writes them."""
    assert duration_s(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_direct"),
    [
        ("api.openai.com", "", False),
        ("api.openai.com", "openai.com", True),
        ("api.openai.com", ".openai.com", True),
        ("notopenai.com", "openai.com", False),
        ("127.0.0.1", "127.0.0.0/8, ::1", True),
        ("::1", "127.0.0.0/8, ::1", True),
        ("api.openai.com", "*", True),
        ("localhost", "LOCALHOST", True),
    ],
)
def test_no_proxy_lists_who_is_reached_directly(
    host: str, no_proxy: str, *, is_direct: bool
) -> None:
    """Hosts, domains, addresses and networks, as curl reads them."""
    environment = {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": no_proxy}

    assert (proxy_for("https", host, environment) is None) is is_direct
