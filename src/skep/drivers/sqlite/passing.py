"""Gates in rows: the state of each as one text, its passes one row each."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, cast

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db
from skep.policy.admission import knocked, reopened, reported
from skep.records.gate import Breaker, Gate, GateReport, Knock, KnockAnswer, Meter, Pass
from skep.records.values import Json, canonical, parsed

PASSES: Final = "SELECT id, since, until, tokens FROM pass WHERE gate = ? ORDER BY id"
BREAKER: Final = tuple(each.name for each in fields(Breaker))


def every_gate(db: Db) -> Sequence[Gate]:
    """Read every gate, by name."""
    rows = db.rows("SELECT name, held FROM gate ORDER BY name")
    return [_with_passes(db, name, held) for name, held in rows]


def admit(changes: Changes, knock: Knock) -> KnockAnswer:
    """Decide a knock."""
    before = [_gate(changes.db, name) for name, _ in knock.gates]
    after, answer = knocked(before, knock, now=changes.at)
    for was, gate in zip(before, after, strict=True):
        _keep(changes.db, gate, was=was)
    return answer


def report(changes: Changes, told: GateReport) -> None:
    """Take in what came of a request."""
    was = _gate(changes.db, told.gate)
    _keep(changes.db, reported(was, told, now=changes.at), was=was)


def reopen(changes: Changes, name: str) -> bool:
    """Forget the rest and the breaker of a gate."""
    if changes.db.row("SELECT 1 FROM gate WHERE name = ?", (name,)) is None:
        return False
    was = _gate(changes.db, name)
    _keep(changes.db, reopened(was, now=changes.at), was=was)
    return True


def _gate(db: Db, name: str) -> Gate:
    return _with_passes(db, name, db.value("SELECT held FROM gate WHERE name = ?", (name,)))


def _with_passes(db: Db, name: str, held: str | None) -> Gate:
    rows = db.rows(PASSES, (name,))
    passes = tuple(Pass(id=id_, since=at, until=end, tokens=n) for id_, at, end, n in rows)
    return _gate_from(name, held, passes)


def _keep(db: Db, gate: Gate, *, was: Gate) -> None:
    db.run("INSERT OR REPLACE INTO gate VALUES (?, ?)", (gate.name, _gate_text(gate)))
    gone = {each.id for each in was.passes} - {each.id for each in gate.passes}
    db.run_many("DELETE FROM pass WHERE gate = ? AND id = ?", [(gate.name, each) for each in gone])
    known = {each.id for each in was.passes}
    new = [each for each in gate.passes if each.id not in known]
    db.run_many(
        "INSERT INTO pass VALUES (?, ?, ?, ?, ?)",
        [(gate.name, each.id, each.since, each.until, each.tokens) for each in new],
    )


def _gate_text(gate: Gate) -> str:
    meters: dict[str, Json] = {
        key: [meter.busy_until, meter.promised_until, meter.unit_s]
        for key, meter in gate.meters.items()
    }
    return canonical(
        {
            "meters": meters,
            "breaker": [getattr(gate.breaker, name) for name in BREAKER],
            "rest_until": gate.rest_until,
            "held_s": gate.held_s,
            "promised_until": gate.promised_until,
        }
    )


def _gate_from(name: str, text: str | None, passes: tuple[Pass, ...]) -> Gate:
    if not text:
        return Gate(name=name, passes=passes)
    held = cast("Mapping[str, Any]", parsed(text))
    meters = {
        key: Meter(busy_until=busy, promised_until=promised, unit_s=unit_s)
        for key, (busy, promised, unit_s) in held["meters"].items()
    }
    return Gate(
        name=name,
        meters=meters,
        breaker=Breaker(**dict(zip(BREAKER, held["breaker"], strict=True))),
        rest_until=held["rest_until"],
        held_s=held["held_s"],
        promised_until=held["promised_until"],
        passes=passes,
    )
