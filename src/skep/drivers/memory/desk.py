"""The desk every port of the memory store works at: one lock, one clock, one set of tables."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from skep.drivers.bell import Bell, Watch
from skep.drivers.memory.changes import Changes
from skep.drivers.memory.state import Tables
from skep.ports.system import Chance, Clock


class Desk:
    """What the ports share. The lock lets a heartbeat thread in beside the event loop."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self.clock = clock
        self.chance = chance
        self.tables = Tables(incarnation=chance.uuid())
        self.bell = Bell()
        self.watch = Watch(bell=self.bell, clock=clock)
        self._lock = threading.Lock()

    @contextmanager
    def change(self) -> Generator[Changes]:
        """Make one operation's changes alone, and ring for them afterwards."""
        with self._lock:
            changes = Changes(self.tables, at=self.clock.now())
            yield changes
        self.bell.ring(changes.topics)

    @contextmanager
    def look(self) -> Generator[Tables]:
        """Read while nobody changes anything."""
        with self._lock:
            yield self.tables
