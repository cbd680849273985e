"""The Redis store's gates."""

from collections.abc import Sequence

from skep.drivers.redis.passing import every_gate, knock_answer_of, knock_ask, report_ask
from skep.drivers.redis.ports import Desk
from skep.policy.bounds import check_gate_reports, check_knocks
from skep.records.gate import Gate, GateReport, Knock, KnockAnswer


class RedisGates:
    """Leave to ask providers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def admit(self, knocks: Sequence[Knock]) -> Sequence[KnockAnswer]:
        """See `ports.gates.Gates.admit`."""
        check_knocks(knocks)
        rows = await self._desk.call("admit", *map(knock_ask, knocks))
        return list(map(knock_answer_of, rows))

    async def report(self, reports: Sequence[GateReport]) -> None:
        """See `ports.gates.Gates.report`."""
        check_gate_reports(reports)
        await self._desk.call("report", *map(report_ask, reports))

    async def read(self) -> Sequence[Gate]:
        """See `ports.gates.Gates.read`."""
        return await every_gate(self._desk.wire)

    async def reopen(self, gates: Sequence[str]) -> Sequence[bool]:
        """See `ports.gates.Gates.reopen`."""
        return [bool(there) for there in await self._desk.call("reopen", *gates)]
