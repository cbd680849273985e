"""What is measured: the rows that are played, and the metrics that come of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of a row. `must` is Skep's target in absolute terms, in words."""

    name: str
    title: str
    unit: str
    is_less_better: bool = False
    must: str = ""

    def times_better(self, value: float, other: float) -> float:
        """How many times better `value` is than `other`; below 1 it is worse."""
        if self.is_less_better:
            value, other = other, value
        return value / other if other else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that contestants do, at three sizes; `cap_s` bounds one measurement of it.

    In rows that are `paced` the sizes are seconds of work at the contestant's own pace.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    quick: float
    full: float
    deep: float
    cap_s: float
    seconds: float = 1.0
    is_paced: bool = False

    def size(self, scale: str) -> float:
        """Its size at a scale."""
        return {"quick": self.quick, "full": self.full, "deep": self.deep}[scale]


def _rate(name: str, title: str, *, must: str = "") -> Metric:
    return Metric(name=name, title=title, unit="1/s", must=must)


def _time(name: str, title: str, unit: str, *, must: str = "") -> Metric:
    return Metric(name=name, title=title, unit=unit, is_less_better=True, must=must)


def _fleet(number: int) -> Row:
    """A row of one fleet; the seed's own figures stand in the words of each."""
    name = f"fleet_{number}"
    seed_connections, seed_mb = 4 * number, 2 * number
    return Row(
        name=f"fleet-{number}",
        title=f"{number:,} idle swarms in one fleet over 4 processes",
        metrics=(
            _time(
                f"{name}_connections",
                f"{number:,} swarms: connections of a process (seed: {seed_connections:,} in all)",
                "",
                must="<= 4",
            ),
            _time(
                f"{name}_swarm",
                f"{number:,} swarms: room in the server each (seed: from {seed_mb:,} MB on in all)",
                "B",
                must="<= 8,192",
            ),
            _time(f"{name}_keeper", f"{number:,} swarms: memory of their process each", "B"),
            _time(f"{name}_page_p99", f"{number:,} swarms: a page of 50, p99", "ms"),
            _time(
                f"{name}_message_p50", f"{number:,} swarms: sent to handled, p50", "ms", must="<= 1"
            ),
            _time(
                f"{name}_message_p99", f"{number:,} swarms: sent to handled, p99", "ms", must="<= 5"
            ),
        ),
        quick=min(number, 100),
        full=number,
        deep=number,
        cap_s=120,
    )


_ALL: Final = (
    Row(
        name="queue",
        title="tasks of 500 bytes in and out, one worker process",
        metrics=(
            _rate(
                "tasks", "durable tasks, client enqueueing meanwhile", must=">= 10,000; 4 x rival"
            ),
            _rate("drain", "drain of a full queue"),
            _rate("enqueue", "enqueue alone, in batches", must=">= 2 x rival"),
        ),
        quick=0.1,
        full=1.0,
        deep=5.0,
        cap_s=45,
        is_paced=True,
    ),
    Row(
        name="singles",
        title="one swarm per task, submitted by 256 callers at once",
        metrics=(
            _rate("single_tasks", "durable tasks, one call each"),
            _rate("single_enqueue", "enqueue alone, one call each", must=">= 20,000"),
        ),
        quick=0.1,
        full=0.4,
        deep=2.0,
        cap_s=45,
        is_paced=True,
    ),
    Row(
        name="latency",
        title="one task at a time on an idle worker",
        metrics=(
            _time("start_p50", "enqueue to start, p50", "ms", must="<= 0.5"),
            _time("start_p99", "enqueue to start, p99", "ms", must="<= 1.0"),
            _time("result_p50", "enqueue to result, p50", "ms", must="<= 1.0"),
            _time("result_p99", "enqueue to result, p99", "ms", must="<= 2.0"),
        ),
        quick=20,
        full=200,
        deep=2_000,
        cap_s=30,
    ),
    Row(
        name="dags",
        title="DAGs of 1 -> 10 -> 1 tasks, all at once",
        metrics=(_rate("dags", "DAGs (1 -> 10 -> 1)", must=">= 500; 4 x rival"),),
        quick=5,
        full=200,
        deep=2_000,
        cap_s=30,
    ),
    Row(
        name="sleepers",
        title="1,000 tasks that each wait 1 s, one worker process",
        metrics=(
            _time("makespan", "1,000 tasks that wait 1 s: all done", "s", must="<= 1.10"),
            _time("rss", "1,000 tasks that wait 1 s: memory of the worker", "MiB"),
        ),
        quick=50,
        full=1_000,
        deep=1_000,
        cap_s=30,
    ),
    Row(
        name="many-sleepers",
        title="10,000 tasks that each wait 1 s, one worker process",
        metrics=(
            _time("many_makespan", "10,000 tasks that wait 1 s: all done", "s", must="<= 1.8"),
            _time(
                "many_rss", "10,000 tasks that wait 1 s: memory of the worker", "MiB", must="<= 150"
            ),
        ),
        quick=200,
        full=10_000,
        deep=10_000,
        cap_s=60,
    ),
    Row(
        name="kill",
        title="kill -9 halfway through 200 x 50 ms, 10 at once, restart after 0.5 s",
        metrics=(_time("recovered", "after kill -9 and a restart: all done", "s", must="<= 1.4"),),
        quick=40,
        full=200,
        deep=200,
        cap_s=12,
        seconds=0.05,
    ),
    Row(
        name="takeover",
        title="the same, but another worker starts after 0.5 s; leases last 5 s",
        metrics=(
            _time("taken_over", "after kill -9, by another worker: all done", "s", must="<= 7.5"),
        ),
        quick=40,
        full=200,
        deep=200,
        cap_s=30,
        seconds=0.05,
    ),
    Row(
        name="steps",
        title="journaled steps of one task, one after the other",
        metrics=(
            _time("step_p50", "a journaled step, p50", "ms", must="<= 0.3"),
            _time("step_p99", "a journaled step, p99", "ms"),
        ),
        quick=20,
        full=500,
        deep=5_000,
        cap_s=30,
    ),
    Row(
        name="fair",
        title="3 tasks beside a swarm of 10,000 ready ones, 32 slots, 5 ms each",
        metrics=(_time("fair_start", "first of 3 tasks beside 10,000: start", "ms", must="<= 10"),),
        quick=300,
        full=10_000,
        deep=10_000,
        cap_s=60,
        seconds=0.005,
    ),
    Row(
        name="idle",
        title="swarms of one task that wait, and the connections of a worker beside them",
        metrics=(
            _time("idle_swarm", "a swarm that waits: room in the store", "B", must="<= 8,192"),
            _time("connections", "connections to Redis of one process", "", must="<= 4"),
        ),
        quick=100,
        full=1_000,
        deep=10_000,
        cap_s=30,
    ),
    Row(
        name="crowd",
        title="a claim of one task: from one swarm, and from 100 beside 10,000 that sleep",
        metrics=(
            _time("claim_alone", "a claim, one swarm there is", "us"),
            _time("claim_crowd", "a claim, 100 eligible beside 10,000 idle", "us"),
            _time("claim_growth", "a claim in the crowd / alone", "x", must="<= 1.5"),
        ),
        quick=200,
        full=10_000,
        deep=10_000,
        cap_s=60,
    ),
    Row(
        name="messages",
        title="messages between 64 swarms in one process, sent, taken and acknowledged",
        metrics=(
            _rate("messages", "messages: sent, taken, acknowledged", must=">= 20,000"),
            _time("message_p50", "an idle swarm: sent to handled, p50", "ms", must="<= 1"),
            _time("message_p99", "an idle swarm: sent to handled, p99", "ms", must="<= 5"),
        ),
        quick=500,
        full=20_000,
        deep=100_000,
        cap_s=60,
    ),
    *map(_fleet, (100, 1_000, 10_000)),
    Row(
        name="turns",
        title="agent runs of 3 turns and 2 tool calls, scripted model, 64 at once",
        metrics=(_time("turn", "an agent's turn", "us", must="<= 100"),),
        quick=20,
        full=500,
        deep=5_000,
        cap_s=30,
    ),
    Row(
        name="waiting",
        title="2,000 agents whose model takes 2 s, all at once",
        metrics=(
            _time("waiting", "2,000 agents that wait 2 s: all done", "s", must="<= 2.6"),
            _time("waiting_each", "2,000 agents that wait 2 s: memory each", "KiB", must="<= 16"),
        ),
        quick=30,
        full=2_000,
        deep=2_000,
        cap_s=60,
        seconds=2.0,
    ),
)

ROWS: Final[Mapping[str, Row]] = MappingProxyType({row.name: row for row in _ALL})
FLEETS: Final = tuple(name for name in ROWS if name.startswith("fleet-"))
METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {metric.name: metric for row in _ALL for metric in row.metrics}
)
