"""celery on Redis: one prefork process, late acks, prefetch 4; gevent where tasks wait."""

import time

from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module
from celery import Celery, chain, chord
from redis import Redis

ORDER = order()
POOLS = {
    "dags": ["-P", "prefork", "-c", "4"],
    "sleepers": ["-P", "gevent", "-c", "1000"],
    "kill": ["-P", "gevent", "-c", "10"],
}
CONNECTIONS = 2_000  # each greenlet wants one

app = Celery("bench", broker=ORDER.url, backend=ORDER.url)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    result_serializer="json",
    redis_max_connections=CONNECTIONS,
    broker_transport_options={"max_connections": CONNECTIONS},
)


@app.task(name="work")
def work(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@app.task(name="join")
def join(results, task):
    ledger.note(task, time.monotonic_ns())
    return results[0]


@app.task(name="nap")
def nap(task, payload):
    began = time.monotonic_ns()
    time.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


class Celeried(Contestant):
    def worker_command(self):
        pool = POOLS.get(self.order.row, ["-P", "prefork", "-c", "1"])
        return module(
            "celery", "-A", "bench.rivals.celery", "worker", *pool,
            "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
        )  # fmt: skip

    async def open(self):
        self.redis = Redis.from_url(ORDER.url)

    async def enqueue(self, tasks):
        for task in tasks:
            work.apply_async((task, self.order.payload))

    async def enqueue_naps(self, tasks):
        for task in tasks:
            nap.apply_async((task, self.order.payload))

    async def answer(self, task):
        work.apply_async((task, self.order.payload)).get(timeout=10)

    async def run_dags(self, number):
        width, payload = self.order.depth, self.order.payload
        joins = []
        for dag in range(number):
            first = dag * (width + 2)
            leaves = [work.si(first + 1 + leaf, payload) for leaf in range(width)]
            fan = chord(leaves, join.s(first + width + 1))
            joins.append(chain(work.si(first, payload), fan).apply_async())
        for last in joins:
            last.get(timeout=60)

    async def stored(self):
        return sum(1 for _ in self.redis.scan_iter("celery-task-meta-*", count=10_000))

    async def stored_about(self):
        return self.redis.dbsize()

    async def pending(self):
        return self.redis.llen("celery") + self.redis.hlen("unacked")


if __name__ == "__main__":
    main(Celeried)
