"""Admission and breakers: no stretch of time holds more than a rate, whatever is asked of it."""

from itertools import accumulate, count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skep.policy.admission import closed_until, is_troubled, knocked, reopened, reported, unit_s_of
from skep.policy.breaker import BREAKER, BreakerState
from skep.policy.limits import gates_of, limits_from
from skep.records.errors import InvalidInput
from skep.records.gate import (
    Admitted,
    Breaker,
    Gate,
    GateReport,
    Knock,
    Limits,
    Passage,
    Rate,
    Unit,
    Wait,
    WaitReason,
)

START_S = 1_800_000_000.0
EPSILON_S = 1e-6  # what times of day lose as floats

rates = st.builds(
    Rate,
    unit=st.sampled_from(Unit),
    most=st.sampled_from([1, 2, 7, 50, 400, 40_000]),
    per_s=st.sampled_from([1.0, 10.0, 60.0]),
)
asked = st.lists(
    st.tuples(
        st.floats(0, 2.0),  # how much later than the one before, in parts of the rate's stretch
        st.floats(0, 1.5),  # how much of the rate it may take
        st.sampled_from([0.0, 0.5, 1.0, 5.0]),
        st.integers(1, 12),
    ),
    max_size=15,
)


@settings(deadline=None)
@given(rate=rates, asked=asked)
def test_no_stretch_of_time_holds_more_than_the_rate(
    rate: Rate, asked: list[tuple[float, float, float, int]]
) -> None:
    """Whatever sizes knock at whatever times with whatever patience, and however many at once."""
    gate, started = Gate(name="g"), list[tuple[float, int]]()
    times = accumulate((gap * rate.per_s for gap, *_ in asked), initial=START_S)
    names = count()
    for now, (_, share, patience_s, often) in zip(times, asked, strict=False):
        tokens = int(share * rate.most)
        for _ in range(often):
            knock = Knock(
                id=f"k{next(names)}",
                gates=(("g", Limits(rates=(rate,))),),
                tokens=tokens,
                patience_s=patience_s,
            )
            (gate,), answer = knocked([gate], knock, now=now)
            if isinstance(answer, Admitted):
                cost = 1 if rate.unit is Unit.REQUESTS else min(tokens, rate.most)
                started.append((now + answer.wait_s, cost))

    for begin, _ in started:
        end = begin + rate.per_s - EPSILON_S
        assert sum(cost for at, cost in started if begin <= at < end) <= rate.most


@settings(deadline=None)
@given(most=st.integers(1, 100_000), per_s=st.sampled_from([1.0, 60.0]))
def test_a_rate_is_nearly_used_up(most: int, per_s: float) -> None:
    """Who asks all the time gets nine tenths of the limit at least, and never all of it."""
    rate = Rate(unit=Unit.REQUESTS, most=most, per_s=per_s)

    share = per_s / unit_s_of(rate) / most

    assert 0.9 <= share < 1.0


def test_nobody_waits_for_a_turn_that_is_past() -> None:
    """After a pause what was promised holds nobody up."""
    limits = Limits(rates=(Rate(unit=Unit.REQUESTS, most=1, per_s=10.0),))
    gate = Gate(name="g")
    for number in range(5):
        (gate,), _ = knocked([gate], Knock(id=f"k{number}", gates=(("g", limits),)), now=START_S)

    knock = Knock(id="later", gates=(("g", limits),))
    _, answer = knocked([gate], knock, now=START_S + 11.0)

    assert answer == Admitted(wait_s=0.0)


def test_a_breaker_has_three_states() -> None:
    """Closed, open until its time, then half open until a probe went well."""
    at_rest, opened = Breaker(), Breaker(trips=1, open_until=10.0)

    states = [BREAKER.state(each, now) for each, now in ((at_rest, 9.0), (opened, 9), (opened, 10))]

    assert states == [BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN]


@settings(deadline=None)
@given(st.lists(st.sampled_from(Passage), min_size=1, max_size=20))
def test_a_breaker_is_never_open_for_ever(passages: list[Passage]) -> None:
    """However its probes end, the next one is let through in bounded time."""
    breaker, now = Breaker(), START_S
    for number, passage in enumerate(passages):
        for _ in range(BREAKER.failures_min):
            breaker = BREAKER.heard(breaker, Passage.FAILED, "", successes=0, now=now)
        until = BREAKER.closed_until(breaker, now)
        assert until is not None
        assert now < until <= now + BREAKER.open_s_max
        now = until
        assert BREAKER.closed_until(breaker, now) is None
        breaker = BREAKER.passed(breaker, f"p{number}", now)
        breaker = BREAKER.heard(breaker, passage, f"p{number}", successes=0, now=now)
        if passage is Passage.UNTOLD:
            assert BREAKER.closed_until(breaker, now) is None
            breaker = BREAKER.passed(breaker, f"q{number}", now)
            breaker = BREAKER.heard(breaker, Passage.OK, f"q{number}", successes=0, now=now)


def test_a_gate_in_trouble_is_told_from_one_that_is_well() -> None:
    """A rest or an open breaker makes every request knock; a person ends both."""
    told = GateReport(gate="g", passage=Passage.LIMITED, rest_s=5.0)
    gate = reported(Gate(name="g"), told, now=START_S)

    waits = closed_until(gate, START_S)

    assert waits == Wait(gate="g", reason=WaitReason.REST, until=START_S + 5.0)
    assert is_troubled(gate, START_S)
    assert not is_troubled(gate, START_S + 5.0)
    assert not is_troubled(reopened(gate, now=START_S), START_S)


def test_limits_are_read_as_they_are_written() -> None:
    """Providers and models, per second and minute, any stretch, and at once."""
    found = limits_from(
        "anthropic: rpm=50, tpm=40000, at_once=8;"
        "openai-chat:gpt-5: rps=5;; ollama:qwen3:8b: requests = 100/10s, tokens=9/2m"
    )

    requests, tokens = Unit.REQUESTS, Unit.TOKENS
    assert found == {
        "anthropic": Limits(
            rates=(
                Rate(unit=requests, most=50, per_s=60.0),
                Rate(unit=tokens, most=40_000, per_s=60.0),
            ),
            at_once=8,
        ),
        "openai:gpt-5": Limits(rates=(Rate(unit=requests, most=5, per_s=1.0),)),
        "ollama:qwen3:8b": Limits(
            rates=(
                Rate(unit=requests, most=100, per_s=10.0),
                Rate(unit=tokens, most=9, per_s=120.0),
            )
        ),
    }
    assert limits_from("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "anthropic",
        "rpm=5",
        ": rpm=5",
        "a: ",
        "a: rpm",
        "a: rpm=0",
        "a: rpm=-1",
        "a: rpm=1.5",
        "a: rpm=5/1s",
        "a: rpd=5",
        "a: requests=5",
        "a: requests=5/soon",
        "a: requests=5/48h",
        "a: at_once=0",
        "a: at_once=1, at_once=2",
        "a: rpm=5, requests=6/60s",
        "a: rpm=5; a: tpm=5",
        "openai: rpm=5; openai-chat: rpm=5",
        "a: rpm=9999999999999",
    ],
)
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    """The error says what is wrong, and how limits are written."""
    with pytest.raises(InvalidInput) as refused:
        limits_from(text)

    assert refused.value.hint


def test_ways_of_speaking_to_a_provider_share_its_gates() -> None:
    """Chat completions and responses are one account."""
    assert gates_of("openai-responses:gpt-5") == gates_of("openai:gpt-5")
    assert gates_of("offline") == ("offline",)
