"""The memory store's gates."""

from collections.abc import Sequence

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import Tables
from skep.policy.admission import knocked, reopened, reported
from skep.policy.bounds import check_gate_reports, check_knocks
from skep.records.gate import Gate, GateReport, Knock, KnockAnswer


class MemoryGates:
    """Leave to ask providers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def admit(self, knocks: Sequence[Knock]) -> Sequence[KnockAnswer]:
        """See `ports.gates.Gates.admit`."""
        check_knocks(knocks)
        with self._desk.change() as changes:
            return [_admit(changes, knock) for knock in knocks]

    async def report(self, reports: Sequence[GateReport]) -> None:
        """See `ports.gates.Gates.report`."""
        check_gate_reports(reports)
        with self._desk.change() as changes:
            for report in reports:
                gate = reported(_gate(changes.tables, report.gate), report, now=changes.at)
                changes.tables.gates[gate.name] = gate

    async def read(self) -> Sequence[Gate]:
        """See `ports.gates.Gates.read`."""
        with self._desk.look() as tables:
            return every_gate(tables)

    async def reopen(self, gates: Sequence[str]) -> Sequence[bool]:
        """See `ports.gates.Gates.reopen`."""
        with self._desk.change() as changes:
            known = changes.tables.gates
            there = [name in known for name in gates]
            now = changes.at
            known.update({name: reopened(known[name], now=now) for name in gates if name in known})
            return there


def every_gate(tables: Tables) -> Sequence[Gate]:
    """Show every gate, by name."""
    return [gate for _, gate in sorted(tables.gates.items())]


def _gate(tables: Tables, name: str) -> Gate:
    return tables.gates.get(name) or Gate(name=name)


def _admit(changes: Changes, knock: Knock) -> KnockAnswer:
    tables = changes.tables
    gates = [_gate(tables, name) for name, _ in knock.gates]
    gates, answer = knocked(gates, knock, now=changes.at)
    tables.gates.update({gate.name: gate for gate in gates})
    return answer
