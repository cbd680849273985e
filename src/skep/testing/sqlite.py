"""The SQLite store under test."""

from pathlib import Path

from skep.drivers.sqlite import SqliteStore
from skep.ports.system import Chance, Clock


class SqliteHarness:
    """A store in a file of its own.

    A crash abandons the open store, connections, threads and all, and opens the file beside it:
    what the new store sees is what the old one had committed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._system: tuple[Clock, Chance] | None = None
        self._opened: list[SqliteStore] = []

    async def open(self, *, clock: Clock, chance: Chance) -> SqliteStore:
        """Make the file."""
        self._system = (clock, chance)
        return await self._open()

    async def crash(self) -> SqliteStore:
        """Open the file anew, with the abandoned store still standing."""
        return await self._open()

    async def dispose(self) -> None:
        """Close every store that was opened, and delete the file."""
        for store in self._opened:
            await store.__aexit__()
        for file in self._path.parent.glob(f"{self._path.name}*"):
            file.unlink()

    async def _open(self) -> SqliteStore:
        assert self._system is not None, "open comes first"
        clock, chance = self._system
        self._opened.append(await SqliteStore.open(self._path, clock=clock, chance=chance))
        return self._opened[-1]
