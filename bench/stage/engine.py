"""The engine rows, played the same way for every contestant and checked under their own load."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import quantiles
from time import monotonic
from typing import Final

from bench.stage import ledger
from bench.stage.contestant import WARM, Contestant, Figures, Stopwatch
from bench.stage.order import Order, order

PATIENCE_S: Final = 3.0
RESTART_AFTER_S: Final = 0.5
WARM_ANSWERS: Final = 10
LATENCY_S: Final = 8.0
"""What takes half a second each is known well enough after this time."""


class Wrong(Exception):
    """The contestant lost, repeated or disordered work; the figure is worth nothing."""


def main(contestant: Callable[[Order], Contestant]) -> None:
    """Play the row of this process's order, and print its figures as the last line."""
    asyncio.run(played(contestant, order()))


async def played(make: Callable[[Order], Contestant], asked: Order) -> None:
    """Play one row from opening to closing."""
    contestant = make(asked)
    try:
        await contestant.open()
        own = contestant.plays().get(asked.row)
        figures = await (own() if own else ROWS[asked.row](contestant))
        await contestant.end()
        await contestant.close()
    finally:
        contestant.workers.kill()
    print(json.dumps(figures), flush=True)


async def queue(contestant: Contestant) -> Figures:
    """Enqueue without a worker, drain what is there, then enqueue and work at once."""
    half = contestant.order.count // 2
    watch = Stopwatch()
    await contestant.enqueue(range(half))
    enqueued_s = watch.s
    await contestant.begin()
    await contestant.ran(half)
    await contestant.has_stored(half)
    drained_s = _span_s(contestant)
    watch = Stopwatch()
    await contestant.enqueue(range(half, 2 * half))
    await contestant.ran(2 * half)
    await contestant.has_stored(2 * half)
    worked_s = watch.s
    await check(contestant, 2 * half)
    return {"enqueue": half / enqueued_s, "drain": half / drained_s, "tasks": half / worked_s}


async def latency(contestant: Contestant) -> Figures:
    """One task at a time on an idle worker: until it starts, and until its result is here."""
    await contestant.begin()
    for task in range(WARM + 1, WARM + 1 + WARM_ANSWERS):
        await contestant.answer(task)
        contestant.warmed += 1
    asked: list[float] = []
    answered: list[float] = []
    watch = Stopwatch()
    while len(asked) < contestant.order.count and watch.s < LATENCY_S:
        asked.append(monotonic())
        await contestant.answer(len(asked) - 1)
        answered.append(monotonic())
    number = len(asked)
    await check(contestant, number)
    runs = {run.task: run for run in ledger.runs(contestant.order.ledger)}
    starts = [runs[task].began - asked[task] for task in range(number)]
    results = [after - before for before, after in zip(asked, answered, strict=True)]
    return {**percentiles("start", starts), **percentiles("result", results)}


async def dags(contestant: Contestant) -> Figures:
    """DAGs of 1 -> 10 -> 1 tasks, all at once."""
    number, width = contestant.order.count, contestant.order.depth
    await contestant.begin()
    watch = Stopwatch()
    await contestant.run_dags(number)
    seconds = watch.s
    await check(contestant, number * (width + 2))
    runs = [run for run in ledger.runs(contestant.order.ledger) if run.task < WARM]
    if violations := ledger.disorder(runs, width=width):
        raise Wrong(f"{violations} of {number} DAGs ran out of order")
    return {"dags": number / seconds, "dag_tasks": number * (width + 2) / seconds}


async def sleepers(contestant: Contestant) -> Figures:
    """Tasks that each wait, all at once in one worker process."""
    number = contestant.order.count
    await contestant.begin()
    watch = Stopwatch()
    await contestant.enqueue_naps(range(number))
    await asyncio.sleep(max(0.0, contestant.order.seconds * 0.9 - watch.s))
    rss_bytes = contestant.worker_rss_bytes()
    await contestant.ran(number)
    await contestant.has_stored(number)
    seconds = watch.s
    await check(contestant, number)
    return {"makespan": seconds, "rss": rss_bytes / 2**20}


async def kill(contestant: Contestant) -> Figures:
    """Kill the worker halfway, start it again after half a second, and wait for the rest."""
    number = contestant.order.count
    await contestant.begin()
    await contestant.enqueue_naps(range(number))
    await contestant.ran(number // 2)
    await asyncio.sleep(contestant.order.seconds / 2)  # not between two batches: amid the work
    await contestant.crash()
    watch = Stopwatch()
    await asyncio.sleep(RESTART_AFTER_S)
    await contestant.restart()
    await contestant.has_stored(number)
    seconds = watch.s
    await check(contestant, number, again=True)
    return {"recovered": seconds}


async def work(contestant: Contestant) -> Figures:
    """Enqueue and work at once, and nothing else; what curves and the guard vary."""
    number = contestant.order.count
    await contestant.begin()
    watch = Stopwatch()
    await contestant.enqueue(range(number))
    await contestant.ran(number)
    await contestant.has_stored(number)
    seconds = watch.s
    await check(contestant, number)
    return {"tasks": number / seconds}


async def singles(contestant: Contestant) -> Figures:
    """The queue, with one call for each task."""
    figures = await queue(contestant)
    return {"single_tasks": figures["tasks"], "single_enqueue": figures["enqueue"]}


async def many_sleepers(contestant: Contestant) -> Figures:
    """Ten times the sleepers."""
    return {f"many_{name}": value for name, value in (await sleepers(contestant)).items()}


async def takeover(contestant: Contestant) -> Figures:
    """A kill after which another worker takes over."""
    return {"taken_over": (await kill(contestant))["recovered"]}


ROWS: Final[Mapping[str, Callable[[Contestant], Awaitable[Figures]]]] = {
    "queue": queue,
    "work": work,
    "singles": singles,
    "latency": latency,
    "dags": dags,
    "sleepers": sleepers,
    "many-sleepers": many_sleepers,
    "kill": kill,
    "takeover": takeover,
}


async def check(contestant: Contestant, number: int, *, again: bool = False) -> None:
    """See that every task ran, once, that every result is stored and that nothing is pending.

    After a kill (`again`) a task may have run twice; only its result must stand once.
    """
    found = ledger.runs(contestant.order.ledger)
    faults = list(ledger.faults(found, range(number), again=again))
    if missing := await _at_rest(lambda: _missing(contestant, number)):
        faults.append(f"{missing} of {number} results are not stored")
    if pending := await _at_rest(contestant.pending):
        faults.append(f"{pending} tasks are still pending")
    faults += await contestant.faults()
    if faults:
        raise Wrong("; ".join(faults))


async def _missing(contestant: Contestant, number: int) -> int:
    return max(0, number + contestant.warmed - await contestant.stored())


async def _at_rest(count: Callable[[], Awaitable[int]]) -> int:
    """Count once the acknowledgements of the last tasks have had a moment to come in."""
    watch = Stopwatch()
    while (left := await count()) and watch.s < PATIENCE_S:
        await asyncio.sleep(0.01)
    return left


def _span_s(contestant: Contestant) -> float:
    """How long the backlog took, from the first task's begin to the last one's end."""
    runs = [run for run in ledger.runs(contestant.order.ledger) if run.task < WARM]
    return max(run.ended for run in runs) - min(run.began for run in runs)


def percentiles(name: str, seconds: Sequence[float]) -> Figures:
    """Median and 99th percentile, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {f"{name}_p50": cuts[49] * 1000, f"{name}_p99": cuts[98] * 1000}
