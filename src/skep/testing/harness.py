"""How a driver is put under test: opened, crashed and thrown away."""

from typing import Protocol

from skep.ports.inspection import Inspectable
from skep.ports.store import Store
from skep.ports.system import Chance, Clock


class InspectableStore(Store, Inspectable, Protocol):
    """A store that lets itself be looked at, as each driver under test must."""


class Harness(Protocol):
    """One driver with a place of its own to keep what it stores."""

    async def open(self, *, clock: Clock, chance: Chance) -> InspectableStore:
        """Open a fresh store."""
        ...

    async def crash(self) -> InspectableStore:
        """Abandon the open store as `kill -9` would, and open what it left behind.

        A store of durability `memory` has left nothing, and is given back as it stands.
        """
        ...

    async def dispose(self) -> None:
        """Close the store and delete what it kept."""
        ...
