"""streaq: concurrency 16 (256 for DAGs), uvloop, batches enqueued at once."""

import asyncio
import time

from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module
from streaq import Worker

ORDER = order()
CONCURRENCY = {"dags": 256, "sleepers": 1_000, "kill": 10}
BATCH = 100
RESULT_POLL_S = 0.001  # its own `result()` costs 100 ms

worker = Worker(
    redis_url=ORDER.url,
    concurrency=CONCURRENCY.get(ORDER.row, 16),
    anyio_kwargs={"use_uvloop": True},
)


@worker.task(name="work")
async def work(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@worker.task(name="nap")
async def nap(task, payload):
    began = time.monotonic_ns()
    await asyncio.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


class Streaq(Contestant):
    def worker_command(self):
        return module("streaq", "run", "bench.rivals.streaq:worker")

    async def open(self):
        self.context = worker
        await worker.__aenter__()

    async def close(self):
        await worker.__aexit__(None, None, None)

    async def enqueue(self, tasks):
        await self._enqueue(work, tasks)

    async def enqueue_naps(self, tasks):
        await self._enqueue(nap, tasks)

    async def answer(self, task):
        asked = await work.enqueue(task, self.order.payload)
        while not await worker.redis.exists([worker.results_key + asked.id]):
            await asyncio.sleep(RESULT_POLL_S)

    async def run_dags(self, number):
        for dag in range(number):
            await worker.enqueue_many(self._dag(dag))
        await self.ran(number * (self.order.depth + 2))
        await self.has_stored(number * (self.order.depth + 2))

    async def stored(self):
        pattern = worker.results_key + "*"
        return len([key async for key in worker.redis.scan_iter(match=pattern, count=10_000)])

    async def stored_about(self):
        return await worker.redis.dbsize() if await self.pending() == 0 else 0

    async def pending(self):
        return await worker.queue_size()

    def _dag(self, dag):
        first = dag * (self.order.depth + 2)
        root = work.enqueue(first, self.order.payload)
        leaves = [
            work.enqueue(first + 1 + leaf, self.order.payload).start(after=[root.id])
            for leaf in range(self.order.depth)
        ]
        join = work.enqueue(first + self.order.depth + 1, self.order.payload)
        return [root, *leaves, join.start(after=[leaf.id for leaf in leaves])]

    async def _enqueue(self, task, numbers):
        for first in range(0, len(numbers), BATCH):
            batch = numbers[first : first + BATCH]
            await worker.enqueue_many(
                [task.enqueue(number, self.order.payload) for number in batch]
            )


if __name__ == "__main__":
    main(Streaq)
