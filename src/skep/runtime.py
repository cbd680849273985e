"""The runtime: the one loop in which a process works and sweeps, and how it ends."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager, suppress
from types import FrameType
from typing import Final, Self

from skep.hive.caretaker import Caretaker
from skep.hive.coordinator import SwarmCoordinator
from skep.hive.scheduler import SWEEP_S, TaskScheduler
from skep.hive.worker import Worker
from skep.ports.system import Clock
from skep.records.errors import StoreUnavailable

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

TIDY_FIRST_S: Final = 60.0
TIDY_S: Final = 3600.0
"""How long after its start a process looks for what may be forgotten, and how often then."""


class Runtime:
    """Runs a worker, a scheduler and perhaps a caretaker; a context manager that owns their loops.

    A coordinator takes part in the elections of the fleet. Leaving hands the leadership over, hands
    back what runs and ends all of them.
    """

    def __init__(
        self,
        worker: Worker,
        scheduler: TaskScheduler,
        clock: Clock,
        *,
        caretaker: Caretaker | None = None,
        coordinator: SwarmCoordinator | None = None,
    ) -> None:
        self.coordinator = coordinator
        self._worker = worker
        self._scheduler = scheduler
        self._clock = clock
        self._caretaker = caretaker
        self._is_claiming = True
        self._is_sweeping = True
        self._claiming: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._worker)
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        claiming, sweeping = group.create_task(self._work()), group.create_task(self._sweep())
        self._claiming = claiming
        self._stack.callback(self._stop, sweeping, group.create_task(self._tidy()))
        if self.coordinator is not None:
            await self._stack.enter_async_context(self.coordinator)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    @property
    def running(self) -> int:
        """How many tasks are worked on."""
        return self._worker.running

    async def drain(self, patience_s: float) -> None:
        """Claim nothing more, and give what runs up to `patience_s` to end by itself."""
        self._is_claiming = False
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                if self._claiming is not None:
                    await asyncio.wait({self._claiming})
                await self._worker.idle()

    async def _work(self) -> None:
        while self._is_claiming:
            await self._worker.tick()

    async def _sweep(self) -> None:
        while self._is_sweeping:
            await self._tick()
            await self._clock.sleep(SWEEP_S)

    async def _tidy(self) -> None:
        pause_s = TIDY_FIRST_S
        while self._caretaker is not None:
            await self._clock.sleep(pause_s)
            with suppress(StoreUnavailable):  # the next one does what this one could not
                await self._caretaker.tick()
            pause_s = TIDY_S

    async def _tick(self) -> None:
        try:
            await self._scheduler.tick()
        except StoreUnavailable:  # the next sweep does what this one could not
            self._worker.saw_store(is_there=False)
        else:
            self._worker.saw_store(is_there=True)

    def _stop(self, *resting: asyncio.Task[None]) -> None:
        """End the loops, a claim by itself: cancelled, its grants would wait for their leases."""
        self._is_claiming = self._is_sweeping = False
        for loop in resting:
            loop.cancel()


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
