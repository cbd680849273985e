"""The SQLite store's placing."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import shifting, siting
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.electing import fenced
from skep.drivers.sqlite.ports import Desk
from skep.policy.placement import by_load
from skep.records.errors import SkepError
from skep.records.leadership import Mandate
from skep.records.placement import Candidate, Distribution, Placed, Shift


class SqlitePlacing:
    """Where tasks go that may go anywhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def distribute(self, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
        """See `ports.placing.Placing.distribute`."""
        return await self._desk.writer.ask(
            lambda changes: [siting.distribute(changes, each) for each in asked]
        )

    async def candidates(self, *, limit: int = 50, heaviest: bool = False) -> Sequence[Candidate]:
        """See `ports.placing.Placing.candidates`."""
        look = partial(siting.of_crews, limit=limit, heaviest=heaviest)
        return by_load(await self._desk.reader.ask(look), heaviest=heaviest)[:limit]

    async def shift(
        self, shifts: Sequence[Shift], *, mandate: Mandate | None = None
    ) -> Sequence[Sequence[Placed] | SkepError]:
        """See `ports.placing.Placing.shift`."""

        def shifted(changes: Changes) -> list[Sequence[Placed] | SkepError]:
            return [shifting.shift(changes, each) for each in shifts]

        return await self._desk.writer.ask(fenced(shifted, mandate))
