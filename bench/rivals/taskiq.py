"""taskiq on a Redis stream: 100 tasks at once, acknowledged when the result is saved."""

import asyncio
import time

from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module
from redis.asyncio import Redis
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

ORDER = order()
AT_ONCE = {"sleepers": 1_000, "kill": 10}
BATCH = 100
RESULT_POLL_S = 0.001  # the default, 0.2, is what a caller would wait for

broker = RedisStreamBroker(url=ORDER.url).with_result_backend(
    RedisAsyncResultBackend(redis_url=ORDER.url)
)


@broker.task(task_name="work")
async def work(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@broker.task(task_name="nap")
async def nap(task, payload):
    began = time.monotonic_ns()
    await asyncio.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


class Taskiq(Contestant):
    def worker_command(self):
        at_once = str(AT_ONCE.get(self.order.row, 100))
        return module(
            "taskiq", "worker", "bench.rivals.taskiq:broker", "--workers", "1",
            "--max-async-tasks", at_once, "--ack-type", "when_saved", "--log-level", "WARNING",
        )  # fmt: skip

    async def open(self):
        self.redis = Redis.from_url(ORDER.url)
        await broker.startup()

    async def close(self):
        await broker.shutdown()
        await self.redis.aclose()

    async def enqueue(self, tasks):
        await self._kick(work, tasks)

    async def enqueue_naps(self, tasks):
        await self._kick(nap, tasks)

    async def answer(self, task):
        asked = await work.kiq(task, self.order.payload)
        await asked.wait_result(check_interval=RESULT_POLL_S, timeout=10)

    async def stored(self):
        other = [key async for key in self.redis.scan_iter("taskiq*", count=10_000)]
        other += [key async for key in self.redis.scan_iter("autoclaim*", count=10_000)]
        return await self.redis.dbsize() - len(set(other))

    async def stored_about(self):
        return await self.redis.dbsize()

    async def pending(self):
        (group,) = await self.redis.xinfo_groups("taskiq")
        return group["pending"] + (group["lag"] or 0)

    async def _kick(self, task, numbers):
        for first in range(0, len(numbers), BATCH):
            batch = numbers[first : first + BATCH]
            await asyncio.gather(*(task.kiq(number, self.order.payload) for number in batch))


if __name__ == "__main__":
    main(Taskiq)
