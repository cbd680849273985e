"""The runtime: the one loop in which a process works and sweeps, and how it ends."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager, suppress
from types import FrameType
from typing import Final, Self

from skep.hive.scheduler import SWEEP_S, TaskScheduler
from skep.hive.worker import Worker
from skep.ports.system import Clock
from skep.records.errors import StoreUnavailable

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Runtime:
    """Runs a worker and a scheduler; an async context manager that owns their loops.

    Leaving it hands back what runs and ends both.
    """

    def __init__(self, worker: Worker, scheduler: TaskScheduler, clock: Clock) -> None:
        self._worker = worker
        self._scheduler = scheduler
        self._clock = clock
        self._is_stopping = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._worker)
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        loops = [group.create_task(self._work()), group.create_task(self._sweep())]
        self._stack.callback(self._stop, loops)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def _work(self) -> None:
        while not self._is_stopping:
            await self._worker.tick()

    async def _sweep(self) -> None:
        while not self._is_stopping:
            with suppress(StoreUnavailable):  # the next sweep does what this one could not
                await self._scheduler.tick()
            await self._clock.sleep(SWEEP_S)

    def _stop(self, loops: list[asyncio.Task[None]]) -> None:
        """End the loops, a claim by itself: cancelled, its grants would wait for their leases."""
        self._is_stopping = True
        loops[1].cancel()


@contextmanager
def interruptible(interrupted: asyncio.Event, *, again: Callable[[], object]) -> Generator[None]:
    """Set the event on the first SIGINT or SIGTERM; the second one calls `again` at once.

    At once means inside the signal handler, even when the loop is busy.
    """
    loop = asyncio.get_running_loop()

    def second(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        again()

    def first() -> None:
        interrupted.set()
        for each in SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, second)

    for each in SIGNALS:
        loop.add_signal_handler(each, first)
    try:
        yield
    finally:
        for each in SIGNALS:
            loop.remove_signal_handler(each)
