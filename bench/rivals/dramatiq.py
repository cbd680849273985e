"""dramatiq on Redis: 32 threads for throughput, 8 for latency, 1,000 for tasks that wait."""

import asyncio
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend as RateLimiterBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module

ORDER = order()
URL = f"{ORDER.url}?max_connections=2000"  # each thread wants its own, and the default is 100
MODULE = "bench.rivals.dramatiq"
THREADS = {"latency": 8, "sleepers": 1_000, "kill": 10}

results = RedisBackend(url=URL, use_namespace_prefix_keys=True)
broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=results, store_results=True))
broker.add_middleware(AsyncIO())
broker.add_middleware(GroupCallbacks(RateLimiterBackend(url=URL)))
dramatiq.set_broker(broker)


@dramatiq.actor
def work(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@dramatiq.actor
async def nap(task, payload):
    began = time.monotonic_ns()
    await asyncio.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


@dramatiq.actor
def fan_out(dag, payload):
    began = time.monotonic_ns()
    first = dag * (ORDER.depth + 2)
    leaves = dramatiq.group(
        [work.message(first + 1 + leaf, payload) for leaf in range(ORDER.depth)]
    )
    leaves.add_completion_callback(work.message(first + ORDER.depth + 1, payload))
    ledger.note(first, began)
    leaves.run()
    return payload


class Dramatiq(Contestant):
    def worker_command(self):
        threads = THREADS.get(self.order.row, 32)
        return module("dramatiq", MODULE, "--processes", "1", "--threads", str(threads))

    async def enqueue(self, tasks):
        for task in tasks:
            work.send(task, self.order.payload)

    async def enqueue_naps(self, tasks):
        for task in tasks:
            nap.send(task, self.order.payload)

    async def answer(self, task):
        work.send(task, self.order.payload).get_result(backend=results, block=True, timeout=10_000)

    async def run_dags(self, number):
        for dag in range(number):
            fan_out.send(dag, self.order.payload)
        await self.ran(number * (self.order.depth + 2))
        await self.has_stored(number * (self.order.depth + 2))

    async def stored(self):
        return sum(1 for _ in broker.client.scan_iter("dramatiq-results:*", count=10_000))

    async def stored_about(self):
        return broker.client.dbsize()

    async def pending(self):
        return broker.client.hlen("dramatiq:default.msgs")


if __name__ == "__main__":
    main(Dramatiq)
