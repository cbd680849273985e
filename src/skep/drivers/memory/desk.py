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

    def change(self) -> "Change":
        """Make one operation's changes alone, and ring for them afterwards."""
        return Change(self, self._lock)

    @contextmanager
    def look(self) -> Generator[Tables]:
        """Read while nobody changes anything."""
        with self._lock:
            yield self.tables


class Change:
    """One operation at the desk: a context manager that gives its changes.

    A class, because one made of a generator takes twice as long, and an agent's turn has several.
    """

    __slots__ = ("_desk", "_lock", "_topics")

    def __init__(self, desk: Desk, lock: threading.Lock) -> None:
        self._desk = desk
        self._lock = lock
        self._topics: set[str] = set()

    def __enter__(self) -> Changes:
        self._lock.acquire()
        try:
            changes = Changes(self._desk.tables, at=self._desk.clock.now())
        except BaseException:
            self._lock.release()
            raise
        self._topics = changes.topics
        return changes

    def __exit__(self, raised: type[BaseException] | None, *exc_info: object) -> None:
        self._lock.release()
        if raised is None and self._topics:
            self._desk.bell.ring(self._topics)
