"""arq: 100 jobs at once, polling every 10 ms for throughput and every 1 ms for latency."""

import asyncio
import time

from arq import create_pool
from arq.connections import RedisSettings
from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module

ORDER = order()
AT_ONCE = {"sleepers": 1_000, "kill": 10}
BATCH = 100
POLL_S = 0.001 if ORDER.row == "latency" else 0.010  # the default, 0.5, reaches 205 tasks/s


async def work(ctx, task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


async def nap(ctx, task, payload):
    began = time.monotonic_ns()
    await asyncio.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


class WorkerSettings:
    functions = [work, nap]
    redis_settings = RedisSettings.from_dsn(ORDER.url)
    max_jobs = AT_ONCE.get(ORDER.row, 100)
    poll_delay = POLL_S
    log_results = False


class Arq(Contestant):
    def worker_command(self):
        return module("arq", "bench.rivals.arq.WorkerSettings")

    async def open(self):
        self.pool = await create_pool(WorkerSettings.redis_settings)

    async def close(self):
        await self.pool.aclose()

    async def enqueue(self, tasks):
        await self._enqueue("work", tasks)

    async def enqueue_naps(self, tasks):
        await self._enqueue("nap", tasks)

    async def answer(self, task):
        job = await self.pool.enqueue_job("work", task, self.order.payload)
        await job.result(timeout=10, poll_delay=POLL_S)

    async def stored(self):
        return len([key async for key in self.pool.scan_iter("arq:result:*", count=10_000)])

    async def stored_about(self):
        return await self.pool.dbsize() if await self.pending() == 0 else 0

    async def pending(self):
        return await self.pool.zcard("arq:queue")

    async def _enqueue(self, name, numbers):
        for first in range(0, len(numbers), BATCH):
            batch = numbers[first : first + BATCH]
            await asyncio.gather(
                *(self.pool.enqueue_job(name, number, self.order.payload) for number in batch)
            )


if __name__ == "__main__":
    main(Arq)
