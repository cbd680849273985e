"""The SQLite store's gates."""

from collections.abc import Sequence

from skep.drivers.sqlite import passing
from skep.drivers.sqlite.ports import Desk
from skep.policy.bounds import check_gate_reports, check_knocks
from skep.records.gate import Gate, GateReport, Knock, KnockAnswer


class SqliteGates:
    """Leave to ask providers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def admit(self, knocks: Sequence[Knock]) -> Sequence[KnockAnswer]:
        """See `ports.gates.Gates.admit`."""
        check_knocks(knocks)
        return await self._desk.writer.ask(
            lambda changes: [passing.admit(changes, knock) for knock in knocks]
        )

    async def report(self, reports: Sequence[GateReport]) -> None:
        """See `ports.gates.Gates.report`."""
        check_gate_reports(reports)
        await self._desk.writer.ask(
            lambda changes: [passing.report(changes, each) for each in reports]
        )

    async def read(self) -> Sequence[Gate]:
        """See `ports.gates.Gates.read`."""
        return await self._desk.reader.ask(passing.every_gate)

    async def reopen(self, gates: Sequence[str]) -> Sequence[bool]:
        """See `ports.gates.Gates.reopen`."""
        return await self._desk.writer.ask(
            lambda changes: [passing.reopen(changes, name) for name in gates]
        )
