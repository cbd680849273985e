"""A worker for tests, and short ways to specify tasks of function agents."""

from functools import partial

from skep.agent.attempt import Bench, attempt
from skep.agent.brief import Performer
from skep.agent.function import FunctionPerformer, Roster
from skep.drivers.memory import MemoryStore
from skep.hive.worker import Worker
from skep.ports.system import Chance, Clock
from skep.records.ids import TaskKey, WorkerId
from skep.records.lease import Offer
from skep.records.task import AgentKind, RetryPolicy, TaskSpec
from skep.records.values import Json

AT_ONCE = RetryPolicy(base_s=0.0)


def bench(store: MemoryStore, clock: Clock, chance: Chance, *, roster: Roster) -> Bench:
    """A bench with the agents of a roster."""
    performers: dict[AgentKind, Performer] = {AgentKind.FUNCTION: FunctionPerformer(roster)}
    return Bench(store=store, clock=clock, chance=chance, performers=performers)


def worker(bench: Bench, roster: Roster, *, name: str = "w", slots: int = 4) -> Worker:
    """A worker at that bench."""
    offer = Offer(
        worker=WorkerId(name),
        kinds=frozenset({AgentKind.FUNCTION}),
        capabilities=roster.capabilities,
    )
    made = partial(attempt, bench=bench)
    return Worker(bench.store, bench.clock, offer=offer, slots=slots, attempt=made)


def call(
    key: str,
    agent: str,
    *after: str,
    given: Json = None,
    retry: RetryPolicy = AT_ONCE,
    tolerant: bool = False,
) -> TaskSpec:
    """A task of a function agent."""
    return TaskSpec(
        key=TaskKey(key),
        agent=agent,
        kind=AgentKind.FUNCTION,
        input=given,
        after=tuple(TaskKey(up) for up in after),
        retry=retry,
        tolerant=tolerant,
    )
