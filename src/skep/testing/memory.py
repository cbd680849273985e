"""The memory store under test."""

from skep.drivers.memory import MemoryStore
from skep.ports.system import Chance, Clock


class MemoryHarness:
    """A store in memory; a crash of whoever uses it leaves it as it stands."""

    def __init__(self) -> None:
        self._store: MemoryStore | None = None

    async def open(self, *, clock: Clock, chance: Chance) -> MemoryStore:
        """Make a fresh store."""
        self._store = MemoryStore(clock, chance)
        return self._store

    async def crash(self) -> MemoryStore:
        """Give the same store back."""
        assert self._store is not None, "open comes first"
        return self._store

    async def dispose(self) -> None:
        """Forget the store."""
        self._store = None
