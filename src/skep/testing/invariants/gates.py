"""Invariants of gates: what one look at them can prove."""

from skep.ports.inspection import Dump
from skep.records.gate import Gate
from skep.testing.invariants.report import hold


def check_gates(dump: Dump) -> None:
    """Invariants 41 and 42: passes stand once, and only a breaker that opened has a probe."""
    names = [gate.name for gate in dump.gates]
    hold(41, f"gates stand as {names}", that=names == sorted(set(names)))
    for gate in dump.gates:
        _check_passes(gate)
        _check_breaker(gate)


def _check_passes(gate: Gate) -> None:
    ids = [each.id for each in gate.passes]
    hold(41, f"{gate.name} has the passes {ids}", that=ids == sorted(set(ids)))
    for each in gate.passes:
        hold(41, f"{gate.name} has {each}, which never counts", that=each.since < each.until)
    for key, meter in gate.meters.items():
        is_paid = not meter.busy_until or meter.unit_s > 0
        hold(41, f"{gate.name} is busy by {key} for nothing", that=is_paid)


def _check_breaker(gate: Gate) -> None:
    breaker = gate.breaker
    is_well = not breaker.trips and not breaker.probe and not breaker.probe_until
    is_open = breaker.trips > 0 and not (breaker.ok or breaker.failed)
    hold(42, f"{gate.name} has {breaker}", that=is_open if breaker.open_until else is_well)
