"""DBOS on Postgres or SQLite: async workflows, queues polled every 10 ms, results every 5 ms."""

import asyncio
import sys
import threading
import time
from pathlib import Path

import sqlalchemy as sa
from bench.stage import ledger
from bench.stage.contestant import Contestant
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import module
from dbos import DBOS, DBOSClient

ORDER = order()
URL = ORDER.url or f"sqlite:///{Path(ORDER.folder) / 'dbos.db'}"
AT_ONCE = {"sleepers": None, "kill": 10, "dags": None}
QUEUE = "bench"
QUEUE_POLL_S = 0.010  # the default is 1
RESULT_POLL_S = 0.005
CALLERS = 8
VERSION = "bench"


@DBOS.workflow(name="work")
async def work(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@DBOS.workflow(name="nap")
async def nap(task, payload):
    began = time.monotonic_ns()
    await asyncio.sleep(ORDER.seconds)
    ledger.note(task, began)
    return payload


@DBOS.step(name="part")
async def part(task, payload):
    ledger.note(task, time.monotonic_ns())
    return payload


@DBOS.workflow(name="dag")
async def dag(number, payload):
    first = number * (ORDER.depth + 2)
    await part(first, payload)
    await asyncio.gather(*(part(first + 1 + leaf, payload) for leaf in range(ORDER.depth)))
    return await part(first + ORDER.depth + 1, payload)


class Dbos(Contestant):
    def worker_command(self):
        return module("bench.rivals.dbos", "worker")

    async def open(self):
        await asyncio.to_thread(launch)  # makes the tables, which the client expects
        await asyncio.to_thread(DBOS.destroy)
        self.client = DBOSClient(system_database_url=URL)
        self.engine = self.client._sys_db.engine
        self.table = "workflow_status" if URL.startswith("sqlite") else "dbos.workflow_status"

    async def close(self):
        self.client.destroy()

    async def enqueue(self, tasks):
        await self._enqueue("work", tasks)

    async def enqueue_naps(self, tasks):
        await self._enqueue("nap", tasks)

    async def answer(self, task):
        asked = self._ask("work", task)
        asked.get_result(polling_interval_sec=RESULT_POLL_S)

    async def run_dags(self, number):
        await self._enqueue("dag", range(number))
        await self.ran(number * (self.order.depth + 2))
        while await self._count("SUCCESS") < number + self.warmed:
            await asyncio.sleep(0.005)
        self.inside = number * (self.order.depth + 1)  # the steps, whose results the journal holds

    async def stored(self):
        return await self._count("SUCCESS") + self.inside

    async def pending(self):
        return await self._count("ENQUEUED") + await self._count("PENDING")

    async def _enqueue(self, name, tasks):
        left = iter(tasks)

        def call():
            for task in left:
                self._ask(name, task)

        await asyncio.gather(*(asyncio.to_thread(call) for _ in range(CALLERS)))

    def _ask(self, name, task):
        told = {"queue_name": QUEUE, "workflow_name": name, "app_version": VERSION}
        return self.client.enqueue(told, task, self.order.payload)

    async def _count(self, status):
        asked = sa.text(f"SELECT COUNT(*) FROM {self.table} WHERE status = :status")
        with self.engine.connect() as connection:
            return connection.execute(asked, {"status": status}).scalar_one()

    inside = 0


def launch():
    DBOS(
        config={
            "name": "bench",
            "system_database_url": URL,
            "executor_id": "bench-worker",
            "application_version": VERSION,
            "log_level": "WARNING",
        }
    )
    DBOS.launch()
    at_once = AT_ONCE.get(ORDER.row, 100)
    DBOS.register_queue(QUEUE, worker_concurrency=at_once, polling_interval_sec=QUEUE_POLL_S)


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        launch()
        threading.Event().wait()
    else:
        main(Dbos)
