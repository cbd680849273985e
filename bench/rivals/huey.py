"""huey on SQLite with fsync: one thread (4 for DAGs, 100 where tasks wait), polling every 5 ms."""

import sqlite3
import time
from importlib import import_module
from pathlib import Path

from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module
from huey import SqliteHuey
from huey.api import chord

ORDER = order()
THREADS = {"dags": 4, "sleepers": 100, "kill": 10}
POLL_S = "0.005"
FILE = str(Path(ORDER.folder) / "huey.db")

huey = SqliteHuey("bench", filename=FILE, fsync=True)


@huey.task()
def work(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@huey.task()
def join(results, task):
    ledger.note(task, time.monotonic_ns())
    return results[0]


@huey.task()
def nap(task, payload):
    began = time.monotonic_ns()
    time.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


@huey.task()
def fan_out(dag, payload):
    began = time.monotonic_ns()
    first = dag * (ORDER.depth + 2)
    leaves = [work.s(first + 1 + leaf, payload) for leaf in range(ORDER.depth)]
    ledger.note(first, began)
    huey.enqueue(chord(leaves, join.s(task=first + ORDER.depth + 1)))
    return payload


class Huey(Contestant):
    def worker_command(self):
        threads = str(THREADS.get(self.order.row, 1))
        return module(
            "huey.bin.huey_consumer", "bench.rivals.huey.huey", "--workers", threads,
            "--worker-type", "thread", "--delay", POLL_S, "--max-delay", POLL_S, "--quiet",
            "--no-periodic",
        )  # fmt: skip

    async def open(self):
        self.reader = sqlite3.connect(FILE, timeout=10)

    async def enqueue(self, tasks):
        for task in tasks:
            work(task, self.order.payload)

    async def enqueue_naps(self, tasks):
        for task in tasks:
            nap(task, self.order.payload)

    async def answer(self, task):
        asked = work(task, self.order.payload)
        asked.get(blocking=True, timeout=10, backoff=1.0, max_delay=0.005, preserve=True)

    async def run_dags(self, number):
        for dag in range(number):
            fan_out(dag, self.order.payload)
        await self.ran(number * (self.order.depth + 2))

    async def stored(self):
        (kept,) = self.reader.execute("SELECT COUNT(*) FROM kv").fetchone()
        return kept

    async def pending(self):
        (left,) = self.reader.execute("SELECT COUNT(*) FROM task").fetchone()
        return left


if __name__ == "__main__":
    # Tasks are known by their module, which must be the one that the consumer imports.
    main(import_module("bench.rivals.huey").Huey)
