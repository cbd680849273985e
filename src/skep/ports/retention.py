"""The retention port: what has ended may be forgotten, and what nothing refers to dropped.

Nothing here is done unasked. Every call is one atomic piece of bounded work, any number of
processes may call at once, and what one of them left half done the next one finishes: a swarm is
gone for every reader from `forget` on, and `clear` removes what is left of it, whoever forgot it.

Why a content in use is never dropped: a swarm that refers to a content is written down with it, in
the transaction that stores the reference, and that transaction is refused when the content is not
there. A drop looks at those notes, in a transaction of its own. So either the reference was first,
and the drop finds it; or the drop was first, and the reference is refused, and made again by
whoever puts the content again. No clock has a part in this; the time since the last `put` only
spares a content that was put and is about to be referred to, so that hardly anybody is refused.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.retention import Dropped
from skep.records.swarm import Swarm


class Retention(Protocol):
    """Forgetting what has ended. Moments are seconds since 1970 by the store's clock."""

    async def due(self, before: float, *, limit: int = 50) -> Sequence[Swarm]:
        """Read swarms that ended before a moment, those that ended first first."""
        ...

    async def forget(
        self, swarms: Sequence[SwarmId], *, before: float
    ) -> Sequence[bool | SkepError]:
        """Take whole swarms away, with all that belongs to them and the commands that made them.

        Answers True for a swarm that is gone now, False where there was none, and `SwarmKept` for
        one that is live or did not end before the moment; of that one nothing is removed.
        """
        ...

    async def clear(self, *, limit: int = 256) -> int:
        """Remove up to about `limit` records of swarms forgotten before; returns how many.

        0 when nothing is left of any of them.
        """
        ...

    async def drop_blobs(self, before: float, *, limit: int = 64) -> Dropped:
        """Drop up to `limit` contents that no swarm refers to and that were last put before."""
        ...

    async def give_back(self, *, limit: int = 256) -> int:
        """Give up to `limit` unused pages back to the file system; returns how many bytes.

        0 when there is nothing to give back, or when the store does not work that way.
        """
        ...
