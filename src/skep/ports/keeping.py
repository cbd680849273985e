"""Backing a store up and restoring it, which no worker does and which no live port is for.

A restore opens a new incarnation: every token and cursor of before is refused. What ran when the
backup was made is ready again at once, without a failure counted, and the time for which the store
lay in the backup is no part of a swarm's time-out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

RESTORED: Final = "the store was restored"
"""The reason that a task is told which ran when the backup was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a backup holds; times are seconds since 1970."""

    swarms: int
    contents: int
    size_bytes: int
    incarnation: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought: `replaced` counts the swarms that stood there, `aside` holds them."""

    swarms: int
    handed_back: int
    incarnation: str
    backed_up_at: float | None
    replaced: int = 0
    aside: Path | None = None


class Keepable(Protocol):
    """A place in which a store is or will be, closed or in use by others."""

    async def back_up(self, target: Path) -> BackedUp:
        """Copy the store as it is at one moment to a file, while others work on.

        The file is whole and verified, or it is not there; an earlier backup of the same kind is
        replaced, and nothing else. Raises `StoreError`, or `BackupUnusable` for what is in the way.
        """
        ...

    async def restore(self, source: Path, *, force: bool) -> Restored:
        """Make the store from a backup, all of it or nothing.

        Raises `BackupUnusable` for a file that is broken or of another kind, `StoreTooNew`,
        `StoreNotEmpty` without `force`, and `StoreInUse` when somebody has the store open.
        """
        ...
