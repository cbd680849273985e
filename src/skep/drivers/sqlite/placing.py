"""The SQLite store's placing."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import siting
from skep.drivers.sqlite.ports import Desk
from skep.records.errors import SkepError
from skep.records.placement import Candidate, Distribution, Placed


class SqlitePlacing:
    """Where tasks go that may go anywhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def distribute(self, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
        """See `ports.placing.Placing.distribute`."""
        return await self._desk.writer.ask(
            lambda changes: [siting.distribute(changes, each) for each in asked]
        )

    async def candidates(self, *, limit: int = 50) -> Sequence[Candidate]:
        """See `ports.placing.Placing.candidates`."""
        found = await self._desk.reader.ask(partial(siting.of_crews, limit=limit))
        return sorted(found, key=lambda each: (each.load, each.swarm))[:limit]
