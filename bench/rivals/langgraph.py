"""LangGraph as a durable engine: nodes are the tasks, on a SQLite checkpointer, durability=sync.

It has no queue and no worker: the caller's process runs the graph. Tasks come as a loop through one
node, a hundred to a thread, and only the row of work done at once is comparable.
"""

import asyncio
import operator
import time
from pathlib import Path
from typing import Annotated, TypedDict

from bench.stage import ledger
from bench.stage.contestant import Contestant, Stopwatch
from bench.stage.engine import Wrong, check
from bench.stage.engine import main
from bench.stage.order import order
from bench.stage.workers import rss_bytes
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

ORDER = order()
FILE = str(Path(ORDER.folder) / "langgraph.db")
THREAD = 100
STEPS_MAX = 10_000


class State(TypedDict):
    task: int
    last: int
    payload: str
    results: Annotated[list, operator.add]


def work(state):
    ledger.note(state["task"], time.monotonic_ns())
    return {"task": state["task"] + 1, "payload": state["payload"]}


def leaf(state):
    ledger.note(state["task"], time.monotonic_ns())
    return {"results": [state["payload"]]}


def root(state):
    ledger.note(state["task"], time.monotonic_ns())
    return {"payload": state["payload"]}


def join(state):
    ledger.note(state["last"], time.monotonic_ns())
    return {"payload": state["results"][0]}


def fan(state):
    first = state["task"] + 1
    return [
        Send("leaf", {"task": first + place, "payload": state["payload"]})
        for place in range(ORDER.depth)
    ]


async def nap(state):
    began = time.monotonic_ns()
    await asyncio.sleep(ORDER.seconds)
    ledger.note(state["task"], began)
    return {"payload": state["payload"]}


def told(thread):
    return {"configurable": {"thread_id": str(thread)}, "recursion_limit": STEPS_MAX}


class LangGraph(Contestant):
    def plays(self):
        return {"queue": self.nodes, "dags": self.graphs, "sleepers": self.naps}

    def worker_command(self):
        return []

    async def nodes(self):
        graph = StateGraph(State)
        graph.add_node("work", work)
        graph.add_edge(START, "work")
        graph.add_conditional_edges(
            "work", lambda state: "work" if state["task"] < state["last"] else END
        )
        number = self.order.count // 2
        with SqliteSaver.from_conn_string(FILE) as saver:
            app = graph.compile(checkpointer=saver)
            watch = Stopwatch()
            for first in range(0, number, THREAD):
                last = min(first + THREAD, number)
                state = {"task": first, "last": last, "payload": self.order.payload}
                app.invoke(state, told(first), durability="sync")
            seconds = watch.s
            self.kept = sum(
                app.get_state(told(first)).values["task"] - first
                for first in range(0, number, THREAD)
            )
        await check(self, number)
        return {"tasks": number / seconds}

    async def graphs(self):
        graph = StateGraph(State)
        for node in (root, leaf, join):
            graph.add_node(node.__name__, node)
        graph.add_edge(START, "root")
        graph.add_conditional_edges("root", fan, ["leaf"])
        graph.add_edge("leaf", "join")
        graph.add_edge("join", END)
        number, size = self.order.count, self.order.depth + 2
        with SqliteSaver.from_conn_string(FILE) as saver:
            app = graph.compile(checkpointer=saver)
            watch = Stopwatch()
            for dag in range(number):
                first = dag * size
                state = {"task": first, "last": first + size - 1, "payload": self.order.payload}
                app.invoke(state, told(dag), durability="sync")
            seconds = watch.s
            self.kept = sum(
                len(app.get_state(told(dag)).values["results"]) + 2 for dag in range(number)
            )
        await check(self, number * size)
        if ledger.disorder(ledger.runs(self.order.ledger), width=self.order.depth):
            raise Wrong("DAGs ran out of order")
        return {"dags": number / seconds}

    async def naps(self):
        graph = StateGraph(State)
        graph.add_node("nap", nap)
        graph.add_edge(START, "nap")
        graph.add_edge("nap", END)
        async with AsyncSqliteSaver.from_conn_string(FILE) as saver:
            app = graph.compile(checkpointer=saver)
            watch = Stopwatch()
            states = [
                app.ainvoke({"task": task, "payload": self.order.payload}, told(task))
                for task in range(self.order.count)
            ]
            self.kept = len(await asyncio.gather(*states))
            seconds = watch.s
        await check(self, self.order.count)
        return {"makespan": seconds, "rss": rss_bytes() / 2**20}

    async def stored(self):
        return self.kept

    kept = 0


if __name__ == "__main__":
    main(LangGraph)
