"""Gates over the wire: what knocks and reports ask for, and gates as their hashes hold them."""

from collections.abc import Mapping, Sequence
from typing import Final

from skep.drivers.redis.wire import Wire
from skep.policy.admission import tolls_of
from skep.records.gate import (
    Admitted,
    Breaker,
    Gate,
    GateReport,
    Knock,
    KnockAnswer,
    Meter,
    Pass,
    Wait,
    WaitReason,
)
from skep.records.values import Json, canonical

METER: Final = "m:"
READS: Final = (("HGETALL", "gate"), ("HGETALL", "passes"))


def knock_ask(knock: Knock) -> str:
    """Write a knock with what it costs, which policy alone computes."""
    gates: list[Json] = [
        {
            "name": name,
            "at_once": limits.at_once or 0,
            "tolls": [[t.key, t.reason, t.slack_s, t.cost_s, t.unit_s] for t in tolls],
        }
        for (name, limits), tolls in zip(knock.gates, tolls_of(knock), strict=True)
    ]
    return canonical(
        {
            "id": knock.id,
            "gates": gates,
            "tokens": knock.tokens,
            "patience_s": knock.patience_s,
            "expires_s": knock.expires_s,
        }
    )


def knock_answer_of(row: Sequence[str]) -> KnockAnswer:
    """Read the answer to a knock."""
    if row[0] == "PASS":
        return Admitted(wait_s=float(row[1]))
    return Wait(gate=row[1], reason=WaitReason(row[2]), until=float(row[3]))


def report_ask(report: GateReport) -> str:
    """Write a report; what it does not tell is left out."""
    told: dict[str, Json] = {
        "gate": report.gate,
        "passage": report.passage,
        "id": report.id,
        "tokens": report.tokens,
        "rest_s": report.rest_s,
        "successes": report.successes,
    }
    return canonical({name: value for name, value in told.items() if value is not None})


async def every_gate(wire: Wire) -> Sequence[Gate]:
    """Read every gate, by name."""
    names: list[str] = sorted(await wire.command("SMEMBERS", "skep:gates"))
    asked = [(word, f"skep:{kind}:{name}") for name in names for word, kind in READS]
    rows = await wire.commands(asked)
    parts = len(READS)
    return [
        _gate(name, *map(_pairs, rows[place * parts : (place + 1) * parts]))
        for place, name in enumerate(names)
    ]


def _pairs(row: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(row[::2], row[1::2], strict=True))


def _gate(name: str, held: Mapping[str, str], passes: Mapping[str, str]) -> Gate:
    def number(field: str, usual: float = 0.0) -> float:
        return float(held.get(field, usual))

    return Gate(
        name=name,
        meters={
            field.removeprefix(METER): _meter(text)
            for field, text in held.items()
            if field.startswith(METER)
        },
        breaker=Breaker(
            since=number("since"),
            ok=int(number("ok")),
            failed=int(number("failed")),
            trips=int(number("trips")),
            open_until=number("open_until"),
            probe=held.get("probe", ""),
            probe_until=number("probe_until"),
        ),
        rest_until=number("rest_until"),
        held_s=number("held_s", Gate(name=name).held_s),
        promised_until=number("promised_until"),
        passes=tuple(_pass(id_, text) for id_, text in sorted(passes.items())),
    )


def _meter(text: str) -> Meter:
    busy_until, promised_until, unit_s = map(float, text.split("|"))
    return Meter(busy_until=busy_until, promised_until=promised_until, unit_s=unit_s)


def _pass(id_: str, text: str) -> Pass:
    since, until, tokens = text.split("|")
    return Pass(id=id_, since=float(since), until=float(until), tokens=int(float(tokens)))
