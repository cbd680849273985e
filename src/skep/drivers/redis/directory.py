"""The Redis store's directory."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from skep.drivers.redis.answers import swarm_of
from skep.drivers.redis.ports import Desk
from skep.records.directory import (
    EVERY_SWARM,
    Archived,
    Departed,
    Statistics,
    SwarmFilter,
    Tally,
    archived_from,
    archived_text,
)
from skep.records.errors import SkepError, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.values import canonical

WAYS: Final = ("status", "strategy", "mode", "phase")
STATUS: Final = "status:"


class RedisDirectory:
    """Swarms by what they are, figures, and the archive."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def find(
        self, meant: SwarmFilter = EVERY_SWARM, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """See `ports.directory.Directory.find`."""
        named = [(way, getattr(meant, way)) for way in WAYS]
        keys = [f"skep:by:{way}:{value}" for way, value in named if value is not None]
        told = (canonical([*(keys or ["swarm:index"])]), _below(before), limit)
        return [_swarm(row) for row in await self._desk.life.call("find", *told)]

    async def statistics(self) -> Statistics:
        """See `ports.directory.Directory.statistics`."""
        figures = _pairs(await self._desk.life.call("statistics"))
        statuses = {
            SwarmStatus(name.removeprefix(STATUS)): int(number)
            for name, number in figures.items()
            if name.startswith(STATUS) and number != "0"
        }
        return Statistics(
            registered=int(figures["registered"]),
            live=int(figures["live"]),
            by_status=statuses,
            archived=int(figures["archived"]),
            recoveries=int(figures.get(Tally.RECOVERIES, 0)),
            tasks_distributed=int(figures.get(Tally.TASKS_DISTRIBUTED, 0)),
            messages_sent=int(figures["messages_sent"]),
            state_errors=int(figures.get(Tally.STATE_ERRORS, 0)),
        )

    async def tally(self, counted: Mapping[Tally, int]) -> None:
        """See `ports.directory.Directory.tally`."""
        await self._desk.call("tally", *chain.from_iterable(counted.items()))

    async def deregister(
        self, swarms: Sequence[SwarmId], outcome: str
    ) -> Sequence[bool | SkepError]:
        """See `ports.directory.Directory.deregister`."""
        words = await self._desk.call("deregister", outcome, *swarms)
        return [
            SwarmNotFound(swarm=swarm) if word == "NOSWARM" else word == "OK"
            for swarm, word in zip(swarms, words, strict=True)
        ]

    async def departed(self, before: float, *, limit: int = 50) -> Sequence[Departed]:
        """See `ports.directory.Directory.departed`."""
        rows = await self._desk.life.call("departed", repr(before), limit)
        return [Departed(swarm=_swarm(row), outcome=_pairs(row[1])["departed"]) for row in rows]

    async def archive(self, records: Sequence[Archived], *, keep_s: float) -> Sequence[bool]:
        """See `ports.directory.Directory.archive`."""
        told = [(record.id, record.seq, archived_text(record)) for record in records]
        flat = chain.from_iterable(told)
        return [bool(done) for done in await self._desk.call("archive", repr(keep_s), *flat)]

    async def archived(
        self, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Archived]:
        """See `ports.directory.Directory.archived`."""
        rows = await self._desk.life.call("archived", _below(before), limit)
        return [archived_from(text) for text in rows]

    async def expire(self, before: float, *, limit: int = 256) -> int:
        """See `ports.directory.Directory.expire`."""
        return int(await self._desk.call("expire", repr(before), limit))


def _below(before: SwarmId | None) -> str:
    return "+" if before is None else f"({before}"


def _swarm(row: Sequence[Any]) -> Swarm:
    return swarm_of(SwarmId(row[0]), _pairs(row[1]))


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
