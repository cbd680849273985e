"""Who may ask a provider now: rates, places, rests and breakers of its gates, decided together.

A rate is kept by one number, as in the GCRA of ATM networks: `busy_until`, the moment at which all
that was let through is worked off at the rate's pace. A request that costs c passes at the first
moment at which `busy_until` lies at most (burst - c) ahead; one that costs more than the burst
waits until it lies so far behind. So in no stretch of time passes more than the burst and what the
pace works off in it, and the pace is chosen so that both together are the limit, in a stretch that
is a little longer than that of the limit: requests do not all travel for the same time.

Two kinds of waiting. Whose turn comes within its patience is admitted now and told how long to
wait. Everybody else is promised a turn behind those who were promised one before, and knocks again
its patience ahead of it; so they do not all come back at once. A promise keeps nobody else out.

The arithmetic of rates is done here for every store; what is left to the Redis library is what
compares it with the state (functions/57_gates.lua).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from skep.policy.breaker import BREAKER
from skep.records.gate import (
    Admitted,
    Breaker,
    Gate,
    GateReport,
    Knock,
    KnockAnswer,
    Limits,
    Meter,
    Pass,
    Rate,
    Unit,
    Wait,
    WaitReason,
)

GUARD_SHARE: Final = 0.05
GUARD_S_MAX: Final = 1.0
"""By how much the stretch of a rate is made longer: requests do not travel equally long."""

BURST_PARTS: Final = {Unit.REQUESTS: 50, Unit.TOKENS: 4}
"""One part in so many of a limit may pass at once; the pace makes up for it."""

NEW: Final = Meter()
TOKENS: Final = f"{Unit.TOKENS}/"
"""How the keys of the meters begin that count tokens."""

HELD_KEPT: Final = 0.8
"""How much of what was known of the length of requests one more of them leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What one request costs by one rate, in seconds of its meter.

    It passes when the meter is busy for no longer than `slack_s` from now, which is negative for a
    request that is larger than the burst.
    """

    key: str
    reason: WaitReason
    slack_s: float
    cost_s: float
    unit_s: float


def burst_of(rate: Rate) -> int:
    """Say how much may pass at once."""
    return max(1, rate.most // BURST_PARTS[rate.unit])


def unit_s_of(rate: Rate) -> float:
    """Say how long one request or token keeps the meter of a rate busy.

    >>> unit_s_of(Rate(unit=Unit.REQUESTS, most=1, per_s=10.0))
    10.5
    """
    stretch_s = rate.per_s + min(GUARD_S_MAX, rate.per_s * GUARD_SHARE)
    return stretch_s / (rate.most + 1 - burst_of(rate))


def toll_of(rate: Rate, tokens: int) -> Toll:
    """Say what a request costs; one that is larger than the limit counts as all of it."""
    cost = 1 if rate.unit is Unit.REQUESTS else min(tokens, rate.most)
    unit_s = unit_s_of(rate)
    return Toll(
        key=rate.key,
        reason=WaitReason(rate.unit),
        slack_s=(burst_of(rate) - cost) * unit_s,
        cost_s=cost * unit_s,
        unit_s=unit_s,
    )


def tolls_of(knock: Knock) -> Sequence[Sequence[Toll]]:
    """Say what a knock costs at each of its gates."""
    return [[toll_of(rate, knock.tokens) for rate in limits.rates] for _, limits in knock.gates]


def knocked(
    gates: Sequence[Gate], knock: Knock, *, now: float
) -> tuple[Sequence[Gate], KnockAnswer]:
    """Decide a knock at its gates, in their order; gives them as they are afterwards.

    Admitted at all of them or at none. Of several waits the longest is answered.
    """
    gates = [_without_expired(gate, now) for gate in gates]
    known = next((each for gate in gates for each in gate.passes if each.id == knock.id), None)
    if known is not None:
        return gates, Admitted(wait_s=max(0.0, known.since - now))
    if closed := list(_closed(gates, now)):
        return gates, _longest(closed)
    tolls = tolls_of(knock)
    held = [
        _held_up(gate, limits, each, knock=knock, now=now)
        for gate, (_, limits), each in zip(gates, knock.gates, tolls, strict=True)
    ]
    if waits := [wait for _, each in held for wait in each]:
        return [gate for gate, _ in held], _longest(waits)
    pairs = list(zip(gates, tolls, strict=True))
    at = max([now, *(_turn(gate, toll) for gate, each in pairs for toll in each)])
    return [_passed(gate, knock, each, at=at, now=now) for gate, each in pairs], Admitted(
        wait_s=at - now
    )


def reported(gate: Gate, report: GateReport, *, now: float) -> Gate:
    """Take in what came of a request.

    What is told of a pass that is not there changes nothing: it was told already, or ran out.
    """
    gate = _without_expired(gate, now)
    passed = next((each for each in gate.passes if each.id == report.id), None)
    if report.id and passed is None:
        return gate
    if passed is not None:
        gate = _left(gate, passed, report.tokens, now=now)
    if report.rest_s is not None:
        gate = replace(gate, rest_until=max(gate.rest_until, now + report.rest_s))
    breaker = BREAKER.heard(
        gate.breaker, report.passage, report.id, successes=report.successes, now=now
    )
    return replace(gate, breaker=breaker)


def reopened(gate: Gate, *, now: float) -> Gate:
    """Let requests through again, whatever the provider or the breaker said."""
    return replace(_without_expired(gate, now), breaker=Breaker(), rest_until=0.0)


def closed_until(gate: Gate, now: float) -> Wait | None:
    """Say until when a gate lets nothing at all through, and why; None for one that is open."""
    return next(iter(_closed([gate], now)), None)


def is_troubled(gate: Gate, now: float) -> bool:
    """Say whether a request has to knock at a gate even where it has no limits."""
    return bool(gate.breaker.open_until) or now < gate.rest_until


def _without_expired(gate: Gate, now: float) -> Gate:
    return replace(gate, passes=tuple(each for each in gate.passes if now < each.until))


def _closed(gates: Sequence[Gate], now: float) -> Iterator[Wait]:
    for gate in gates:
        if now < gate.rest_until:
            yield Wait(gate=gate.name, reason=WaitReason.REST, until=gate.rest_until)
        until = BREAKER.closed_until(gate.breaker, now)
        if until is not None:
            yield Wait(gate=gate.name, reason=WaitReason.BREAKER, until=until)


def _longest(waits: Sequence[Wait]) -> Wait:
    return max(waits, key=lambda wait: wait.until)


def _meter(gate: Gate, toll: Toll) -> Meter:
    return gate.meters.get(toll.key, NEW)


def _turn(gate: Gate, toll: Toll) -> float:
    return _meter(gate, toll).busy_until - toll.slack_s


def _held_up(
    gate: Gate, limits: Limits, tolls: Sequence[Toll], *, knock: Knock, now: float
) -> tuple[Gate, Sequence[Wait]]:
    """Promise a turn by each limit that holds the request up; none, and no change, if it passes."""
    waits = list[Wait]()
    if limits.at_once is not None and len(gate.passes) >= limits.at_once:
        # A little sooner than a place is free by their usual length, so that none stays empty.
        turn = max(now, gate.promised_until) + gate.held_s / (limits.at_once + 1)
        gate = replace(gate, promised_until=turn)
        waits.append(Wait(gate=gate.name, reason=WaitReason.AT_ONCE, until=turn))
    for toll in tolls:
        meter, patience_s = _meter(gate, toll), knock.patience_s
        if _turn(gate, toll) > now + patience_s:
            turn = max(_turn(gate, toll), meter.promised_until)
            meter = replace(meter, promised_until=turn + toll.cost_s)
            gate = replace(gate, meters={**gate.meters, toll.key: meter})
            waits.append(Wait(gate=gate.name, reason=toll.reason, until=turn - patience_s))
    return gate, waits


def _passed(gate: Gate, knock: Knock, tolls: Sequence[Toll], *, at: float, now: float) -> Gate:
    meters = dict(gate.meters)
    for toll in tolls:
        meter = _meter(gate, toll)
        busy_until = max(at, meter.busy_until) + toll.cost_s
        meters[toll.key] = replace(meter, busy_until=busy_until, unit_s=toll.unit_s)
    passed = Pass(id=knock.id, since=at, until=at + knock.expires_s, tokens=knock.tokens)
    return replace(
        gate,
        meters=meters,
        breaker=BREAKER.passed(gate.breaker, knock.id, now),
        passes=tuple(sorted([*gate.passes, passed], key=lambda each: each.id)),
    )


def _left(gate: Gate, passed: Pass, tokens: int | None, *, now: float) -> Gate:
    """Free the place of a pass, and correct the meters of tokens by what it really took."""
    meters = dict(gate.meters)
    for key, meter in gate.meters.items() if tokens is not None else ():
        if key.startswith(TOKENS):
            meters[key] = _corrected(meter, passed.tokens - (tokens or 0), now=now)
    return replace(
        gate,
        meters=meters,
        held_s=HELD_KEPT * gate.held_s + (1 - HELD_KEPT) * max(0.0, now - passed.since),
        passes=tuple(each for each in gate.passes if each.id != passed.id),
    )


def _corrected(meter: Meter, less: int, *, now: float) -> Meter:
    """Take tokens that were not used out of a meter, but none that it has worked off already."""
    if less < 0:
        busy_until = max(now, meter.busy_until) - less * meter.unit_s
    else:
        floor = min(meter.busy_until, now)
        busy_until = max(meter.busy_until - less * meter.unit_s, floor)
    return replace(meter, busy_until=busy_until)
