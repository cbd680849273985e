"""The two threads that own a connection: a writer that commits in groups, and a reader.

Durability and order: commands run in the order in which they were asked for, and each answer is
given only after the commit that holds it, which is on the disk then. Commands of leases alone
(`lazily`) may reach the disk with the next commit: a power cut voids leases anyway, and nothing is
done under one before a commit that brings it along (docs/adr/0028). A command that raises is undone
alone: the group is rolled back and its commands are run again, each in its own transaction.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, cast

import apsw
from typing_extensions import override

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db
from skep.ports.system import Clock
from skep.records.errors import SkepError, StoreUnavailable

Hand = TypeVar("Hand")
Answer = TypeVar("Answer")

GROUP_MAX: Final = 256
"""Commands in one transaction."""

BUSY_TRIES: Final = 6
"""How often a transaction is begun before another process's lock is an error (each 5 s)."""


@dataclass(slots=True)
class _Ask(Generic[Hand]):
    """One command and where its answer goes."""

    run: Callable[[Hand], object]
    future: asyncio.Future[object]
    is_lazy: bool = False
    shares: bool = False
    answer: object = None
    error: BaseException | None = None
    topics: set[str] = field(default_factory=set[str])


class _Thread(Generic[Hand]):
    """A thread with a queue of asks, each a function of what the thread hands to it."""

    def __init__(self, db: Db, name: str) -> None:
        self._db = db
        self._asks: queue.SimpleQueue[_Ask[Hand] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def ask(
        self, run: Callable[[Hand], Answer], *, lazily: bool = False, shares: bool = False
    ) -> Answer:
        """Have `run` called by the thread, and wait for its answer.

        What is done `lazily` survives the process at once, and a power cut with what is done next.
        A command that `shares` may be handed what the one before it was handed, and see of it what
        that one has not written yet. A caller that is cancelled meanwhile leaves the command to be
        carried out.
        """
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._asks.put(_Ask(run, future, lazily, shares))
        return cast("Answer", await future)

    async def close(self) -> None:
        """Carry out what was asked for, then end the thread and its connection."""
        if self._closed:
            return
        self._closed = True
        self._asks.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._db.close()

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            self._serve(group)
            _give(group)

    def _next_group(self) -> list[_Ask[Hand]] | None:
        group: list[_Ask[Hand]] = []
        ask = self._asks.get()
        while ask is not None:
            group.append(ask)
            if len(group) == GROUP_MAX or self._asks.empty():
                return group
            ask = self._asks.get()
        self._asks.put(None)  # the end stands behind what was asked before it
        return group or None

    def _serve(self, group: Sequence[_Ask[Hand]]) -> None:
        raise NotImplementedError


class Reader(_Thread[Db]):
    """Runs functions of the connection that change nothing."""

    def __init__(self, db: Db) -> None:
        super().__init__(db, "skep-sqlite-reader")

    @override
    def _serve(self, group: Sequence[_Ask[Db]]) -> None:
        for ask in group:
            try:
                ask.answer = ask.run(self._db)
            except Exception as error:  # noqa: BLE001 - the edge of a read: the asker gets it
                ask.error = translated(error)


class Writer(_Thread[Changes]):
    """Runs functions of `Changes`, in groups of one transaction each."""

    def __init__(self, db: Db, clock: Clock, tell: Callable[[Collection[str]], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._is_lazy = False
        self._incarnation = str(db.value("SELECT value FROM meta WHERE name = 'incarnation'"))
        super().__init__(db, "skep-sqlite-writer")

    @override
    def _serve(self, group: Sequence[_Ask[Changes]]) -> None:
        if not self._in_one_transaction(group):
            for ask in group:
                self._in_one_transaction([ask])
        # Only what is committed is announced.
        self._tell({topic for ask in group if ask.error is None for topic in ask.topics})

    def _in_one_transaction(self, asks: Sequence[_Ask[Changes]]) -> bool:
        """Run the asks and commit; False when one of them raised and nothing was kept."""
        try:
            self._sync(lazily=all(ask.is_lazy for ask in asks))
            self._begin()
            self._run_all(asks)
            self._db.run("COMMIT")
        except Exception as error:  # noqa: BLE001 - the edge of a command: the asker gets it
            self._roll_back()
            for ask in asks:
                ask.error = translated(error)
            return False
        return True

    def _run_all(self, asks: Sequence[_Ask[Changes]]) -> None:
        """Run the asks one after the other; neighbours that share write their swarms once."""
        shared: Changes | None = None
        for ask in asks:
            if shared is None or not ask.shares:
                if shared is not None:
                    shared.flush()
                shared = Changes(self._db, at=self._clock.now(), incarnation=self._incarnation)
            ask.error = None
            ask.answer = ask.run(shared)
            ask.topics = shared.topics
            if not ask.shares:
                shared.flush()
                shared = None
        if shared is not None:
            shared.flush()

    def _sync(self, *, lazily: bool) -> None:
        """Say whether the next commit waits for the disk."""
        if lazily is not self._is_lazy:
            self._db.run("PRAGMA synchronous = normal" if lazily else "PRAGMA synchronous = full")
            self._is_lazy = lazily

    def _begin(self) -> None:
        for left in range(BUSY_TRIES, 0, -1):
            try:
                self._db.run("BEGIN IMMEDIATE")
            except apsw.BusyError:
                if left == 1:
                    raise
            else:
                return

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.run("ROLLBACK")


def _give(group: Iterable[_Ask[Any]]) -> None:
    """Hand the answers to the loops that wait for them, one call per loop."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Ask[Any]]] = defaultdict(list)
    for ask in group:
        by_loop[ask.future.get_loop()].append(ask)
    for loop, asks in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits any more
            loop.call_soon_threadsafe(_resolve, asks)


def _resolve(asks: Iterable[_Ask[Any]]) -> None:
    for ask in asks:
        if ask.future.done():
            continue
        if ask.error is not None:
            ask.future.set_exception(ask.error)
        else:
            ask.future.set_result(ask.answer)


def translated(error: Exception) -> BaseException:
    """Turn SQLite's errors into ours; anything else is a defect and stays as it is."""
    if isinstance(error, SkepError) or not isinstance(error, apsw.Error):
        return error
    hint = "Free some disk space." if isinstance(error, apsw.FullError) else ""
    unavailable = StoreUnavailable(f"The store could not do it: {error}.", hint=hint)
    unavailable.__cause__ = error
    return unavailable
