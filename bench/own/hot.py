"""The five hottest operations, each so often: what `make bench-guard` runs at two commits.

    python bench/own/hot.py OPERATION TIMES

Ports only, on SQLite in a folder that is thrown away, so that it runs at commits before and after a
change. Prints the seconds of CPU time that the operation took in the best of five rounds.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Final

from skep.compose import open_store
from skep.ports.store import Store
from skep.records.command import Submission
from skep.records.event import Cursor
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Settlement, Succeeded
from skep.records.step import Effect, Intent, Record
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import AgentKind, TaskSpec
from skep.records.values import digest_of
from skep.settings import read_settings

ROUNDS: Final = 5
PLAN: Final = 64
PAYLOAD: Final = "x" * 500
OFFER: Final = Offer(
    worker=WorkerId("guard"),
    queues=frozenset({"default"}),
    kinds=frozenset({AgentKind.FUNCTION}),
    capabilities=frozenset({"agent:work"}),
    lease_s=600.0,
)

Operation = Callable[[Store, int], Awaitable[float]]


async def submit(store: Store, times: int) -> float:
    """Submit plans of 64 tasks."""
    began = process_time()
    for number in range(times):
        await _submit(store, number)
    return process_time() - began


async def claim(store: Store, times: int) -> float:
    """Claim 64 tasks at once."""
    taken = 0.0
    async for _, seconds in _claimed(store, times):
        taken += seconds
    return taken


async def settle(store: Store, times: int) -> float:
    """Settle 64 tasks at once."""
    taken = 0.0
    async for grants, _ in _claimed(store, times):
        settlements = [
            Settlement(token=grant.token, outcome=Succeeded(value=PAYLOAD)) for grant in grants
        ]
        began = process_time()
        await store.work.settle(settlements)
        taken += process_time() - began
    return taken


async def step(store: Store, times: int) -> float:
    """Journal a step: its intent, then its result."""
    grants = [grants async for grants, _ in _claimed(store, 1)]
    token = grants[0][0].token
    fingerprint = digest_of(PAYLOAD)
    began = process_time()
    for number in range(times):
        intent = Intent(
            token=token,
            key=f"step/call:{number}",
            fingerprint=fingerprint,
            effect=Effect.PURE,
            intent=str(number),
        )
        record = Record(token=token, key=intent.key, fingerprint=fingerprint, value=f'"{PAYLOAD}"')
        await store.journal.write([intent])
        await store.journal.write([record])
    return process_time() - began


async def read(store: Store, times: int) -> float:
    """Read the events of a swarm of 64 tasks from its first."""
    await _submit(store, 0)
    cursor = Cursor(incarnation="", swarm=SwarmId("swarm-0"))
    began = process_time()
    for _ in range(times):
        await store.log.read(cursor)
    return process_time() - began


OPERATIONS: Final[Mapping[str, Operation]] = {
    "submit": submit,
    "claim": claim,
    "settle": settle,
    "step": step,
    "read": read,
}


async def _claimed(store: Store, times: int) -> AsyncIterator[tuple[Sequence[Grant], float]]:
    """Submit and claim 64 tasks again and again; gives the grants, and what the claim took."""
    for number in range(times):
        await _submit(store, number)
        began = process_time()
        grants = await store.work.claim(OFFER, limit=PLAN)
        yield grants, process_time() - began


async def _submit(store: Store, number: int) -> None:
    tasks = tuple(
        TaskSpec(key=TaskKey(f"t{n}"), agent="work", kind=AgentKind.FUNCTION, input=PAYLOAD)
        for n in range(PLAN)
    )
    submission = Submission(
        command=f"submit/{number}",
        digest=digest_of(str(number)),
        swarm=SwarmId(f"swarm-{number}"),
        request=SwarmRequest(objective="Guard", max_agents=PLAN),
        plan=Plan(tasks=tasks),
    )
    await store.work.submit([submission])


async def main(operation: str, times: int) -> float:
    """Run one operation so often in each of some rounds; gives the CPU seconds of the best."""
    return min([await once(operation, times) for _ in range(ROUNDS)])


async def once(operation: str, times: int) -> float:
    """Run one operation so often on a fresh store; gives its CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="skep-guard-") as name:
        settings = read_settings(store=f"sqlite:///{name}/skep.db", folder=Path(name))
        async with await open_store(settings) as store:
            return await OPERATIONS[operation](store, times) if times else 0.0


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
