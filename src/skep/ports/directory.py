"""The directory port: finding swarms among many, counting, and what is kept of those that went.

A page is read by an index of what is asked for, so it costs what it shows and not what there is;
asked for by several things it goes by the rarest (SQLite: by one of them) and looks through that.

Nothing is archived that nobody deregistered: to deregister a swarm is to ask that it be forgotten
some time after it has ended, and that a short record stays for a while.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from skep.records.directory import EVERY_SWARM, Archived, Departed, Statistics, SwarmFilter, Tally
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.swarm import Swarm


class Directory(Protocol):
    """Swarms by what they are, figures, and the archive."""

    async def find(
        self, meant: SwarmFilter = EVERY_SWARM, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """Read up to `limit` swarms, youngest first; `before` pages on from the last one read."""
        ...

    async def statistics(self) -> Statistics:
        """Read what the fleet comes to now."""
        ...

    async def tally(self, counted: Mapping[Tally, int]) -> None:
        """Add to what is counted. Not idempotent: a lost answer may count twice."""
        ...

    async def deregister(
        self, swarms: Sequence[SwarmId], outcome: str
    ) -> Sequence[bool | SkepError]:
        """Write down that swarms are to be archived once they have ended.

        Answers False for one that is deregistered already, whose outcome stands, or
        `SwarmNotFound`. It ends no swarm.
        """
        ...

    async def departed(self, before: float, *, limit: int = 50) -> Sequence[Departed]:
        """Read swarms that were deregistered and ended before a moment, by their ids."""
        ...

    async def archive(self, records: Sequence[Archived], *, keep_s: float) -> Sequence[bool]:
        """Keep records in the place of their swarms, which are forgotten as by `Retention`.

        Answers False for a swarm that is live again or went on since, that nobody deregistered, or
        that is not there; then nothing was changed. Each record is kept for `keep_s` at least.
        """
        ...

    async def archived(
        self, *, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Archived]:
        """Read archived swarms, youngest first; `before` pages on from the last one read."""
        ...

    async def expire(self, before: float, *, limit: int = 256) -> int:
        """Drop up to `limit` records that were archived before a moment; returns how many."""
        ...


class Listed(Protocol):
    """What a store has for whoever looks for swarms."""

    @property
    def directory(self) -> Directory:
        """Finding swarms, figures, the archive."""
        ...
