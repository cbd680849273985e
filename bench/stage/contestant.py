"""What a contestant of the engine rows can do; a rival fills in what its library has."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Final

from bench.stage import ledger
from bench.stage.order import Order
from bench.stage.workers import Workers

Figures = dict[str, float]
POLL_S: Final = 0.002
WARM: Final = 1 << 40
"""Tasks numbered from here warm the workers up and are in no figure."""


class Contestant:
    """One library doing the work of one order, with its workers in processes of their own.

    Tasks are known by their numbers. Each is given the order's payload, writes itself down in the
    ledger, and returns the payload, which the library stores as the result.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self.warmed = 0
        self.workers = Workers(order, self.worker_command())

    def plays(self) -> Mapping[str, Callable[[], Awaitable[Figures]]]:
        """The rows that it plays in a way of its own, by name."""
        return {}

    def worker_command(self) -> Sequence[str]:
        """The command that starts a worker process in the best configuration for the row."""
        raise NotImplementedError

    async def open(self) -> None:
        """Connect the client."""

    async def close(self) -> None:
        """Close the client."""

    async def enqueue(self, tasks: Sequence[int]) -> None:
        """Enqueue tasks durably, the fastest way there is."""
        raise NotImplementedError

    async def enqueue_naps(self, tasks: Sequence[int]) -> None:
        """Enqueue tasks that wait for the order's seconds before they return."""
        raise NotImplementedError

    async def answer(self, task: int) -> None:
        """Enqueue one task and wait for its result, the fastest way there is."""
        raise NotImplementedError

    async def run_dags(self, number: int) -> None:
        """Run DAGs of 1 -> `depth` -> 1 tasks all at once, and wait for their ends."""
        raise NotImplementedError

    async def stored(self) -> int:
        """Count the results that are stored, those of the warm-up among them."""
        raise NotImplementedError

    async def stored_about(self) -> int:
        """Count them in no time, wrong by a few perhaps; this is what the clock waits for."""
        return await self.stored()

    async def pending(self) -> int:
        """Count what is still queued or held by a worker."""
        return 0

    async def faults(self) -> Sequence[str]:
        """Say what else is wrong with the work, as far as the library can tell."""
        return ()

    async def begin(self) -> None:
        """Start the workers and see one task through, so that they are warm."""
        self.workers.start(self.order.workers)
        await self.warm_up()

    async def warm_up(self) -> None:
        """See one task through."""
        await self.enqueue([WARM])
        self.warmed = 1
        while WARM not in {run.task for run in ledger.runs(self.order.ledger)}:
            self.workers.check()
            await asyncio.sleep(POLL_S)

    async def crash(self) -> None:
        """End the workers as `kill -9` does."""
        self.workers.kill()

    async def restart(self) -> None:
        """Start the workers again, under the same identities where there are any."""
        self.workers.start(self.order.workers)

    async def end(self) -> None:
        """Stop the workers."""
        self.workers.__exit__()

    def worker_rss_bytes(self) -> int:
        """The memory of a worker's process."""
        return self.workers.rss_bytes()

    async def ran(self, runs: int) -> None:
        """Wait until the ledger holds so many runs besides those of the warm-up."""
        while ledger.count(self.order.ledger) < runs + self.warmed:
            self.workers.check()
            await asyncio.sleep(POLL_S)

    async def has_stored(self, results: int) -> None:
        """Wait until so many results are stored besides those of the warm-up."""
        while await self.stored_about() < results + self.warmed:
            self.workers.check()
            await asyncio.sleep(POLL_S)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = monotonic()

    @property
    def s(self) -> float:
        """How long it has run."""
        return monotonic() - self._began
