"""The function agents that Skep's workers bring, by `skep work --import bench.own.hands`."""

import asyncio
from time import monotonic, monotonic_ns

import skep
from bench.stage import ledger


@skep.agent("work")
async def work(task: skep.TaskContext, number: int, payload: str) -> str:
    """Write itself down and give back what it was given."""
    del task
    ledger.note(number, monotonic_ns())
    return payload


@skep.agent("nap")
async def nap(task: skep.TaskContext, *, number: int, payload: str, seconds: float) -> str:
    """Wait, as an agent waits for its model."""
    del task
    began = monotonic_ns()
    await asyncio.sleep(seconds)
    ledger.note(number, began)
    return payload


@skep.agent("steps")
async def steps(task: skep.TaskContext, number: int, payload: str) -> list[float]:
    """Time journaled steps, one after the other, in seconds each."""

    async def call(text: str) -> str:
        return text

    taken: list[float] = []
    for place in range(number):
        before = monotonic()
        await task.step("call", call, payload, key=str(place))
        taken.append(monotonic() - before)
    return taken
