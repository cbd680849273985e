"""Who takes part: Skep in its variants, and each rival in its best configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

THROUGHPUT: Final = frozenset({"queue", "latency", "dags"})
ENGINE: Final = THROUGHPUT | {"sleepers", "kill"}
OWN: Final = ENGINE | {
    "singles",
    "many-sleepers",
    "takeover",
    "steps",
    "fair",
    "idle",
    "crowd",
    "messages",
}
FLEET: Final = frozenset({"fleet-100", "fleet-1000", "fleet-10000"})
AGENTS: Final = frozenset({"turns", "waiting"})


class Server(StrEnum):
    """What a contestant needs to be running."""

    NONE = "none"
    REDIS = "redis"
    REDIS_ALWAYS = "redis, fsync always"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One that is measured. `pace` is about how many tasks it does in a second, until it is known.

    `environment` names its virtual environment under `bench/`; Skep uses the checkout's. `store`
    is what the results call a variant of Skep, and empty for rivals. `standing` is what a rival
    reached when its configuration was chosen: below 80 % of it, something is wrong.
    """

    name: str
    module: str
    settings: str
    environment: str = ""
    server: Server = Server.NONE
    rows: frozenset[str] = ENGINE
    pace: int = 1_000
    store: str = ""
    variant: str = ""
    workers: int = 1
    standing: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def is_own(self) -> bool:
        """Whether it is Skep."""
        return bool(self.store)


SKEP: Final = (
    Contestant(
        name="skep-sqlite",
        store="sqlite",
        module="bench.own.engine",
        settings="SQLite FULL, client and worker in one process; where it is killed: `skep work`",
        rows=OWN,
        pace=1_500,
        variant="embedded",
    ),
    Contestant(
        name="skep-sqlite-apart",
        store="sqlite, apart",
        module="bench.own.engine",
        settings="SQLite FULL, one `skep work` process beside the client",
        rows=THROUGHPUT,
        pace=1_500,
        variant="apart",
    ),
    Contestant(
        name="skep-redis",
        store="redis",
        module="bench.own.engine",
        settings="Redis AOF everysec, one `skep work` process beside the client",
        server=Server.REDIS,
        rows=OWN | FLEET,
        pace=1_500,
        variant="apart",
    ),
    Contestant(
        name="skep-redis-always",
        store="redis, fsync always",
        module="bench.own.engine",
        settings="Redis AOF always, one `skep work` process beside the client",
        server=Server.REDIS_ALWAYS,
        rows=THROUGHPUT | {"steps"},
        pace=1_500,
        variant="apart",
    ),
    Contestant(
        name="skep-redis-two",
        store="redis, two workers",
        module="bench.own.engine",
        settings="Redis AOF everysec, two `skep work` processes beside the client",
        server=Server.REDIS,
        rows=frozenset({"queue", "dags"}),
        pace=1_500,
        variant="apart",
        workers=2,
    ),
    Contestant(
        name="skep-agents-memory",
        store="memory",
        module="bench.own.agents",
        settings="LLM agents on the store in memory, journal on",
        rows=AGENTS,
        variant="memory",
    ),
    Contestant(
        name="skep-agents-sqlite",
        store="sqlite",
        module="bench.own.agents",
        settings="LLM agents on SQLite FULL, journal on",
        rows=AGENTS,
        variant="sqlite",
    ),
)

RIVALS: Final = (
    Contestant(
        name="dramatiq",
        module="bench.rivals.dramatiq",
        environment="dramatiq",
        settings="Redis; 32 threads, latency 8, tasks that wait 1,000 with async actors",
        server=Server.REDIS,
        pace=2_700,
        standing={"tasks": 2_787, "drain": 3_440, "enqueue": 13_000, "dags": 123, "makespan": 1.34},
    ),
    Contestant(
        name="taskiq",
        module="bench.rivals.taskiq",
        environment="taskiq",
        settings="Redis stream; 100 tasks, acknowledged when saved; results polled at 1 ms",
        server=Server.REDIS,
        rows=ENGINE - {"dags"},
        pace=2_500,
        standing={
            "tasks": 2_549, "drain": 2_880, "makespan": 1.39,
            "start_p50": 0.50, "start_p99": 1.05, "result_p50": 2.0, "result_p99": 3.6,
        },
    ),
    Contestant(
        name="arq",
        module="bench.rivals.arq",
        environment="arq",
        settings="Redis; 100 jobs, polled at 10 ms, latency 1 ms",
        server=Server.REDIS,
        rows=ENGINE - {"dags"},
        pace=2_200,
        standing={
            "tasks": 2_256, "drain": 3_080, "makespan": 1.76,
            "start_p50": 1.3, "start_p99": 2.3, "result_p50": 1.96, "result_p99": 3.59,
        },
    ),
    Contestant(
        name="streaq",
        module="bench.rivals.streaq",
        environment="streaq",
        settings="Redis; concurrency 16, DAGs 256, uvloop, enqueue_many; result key polled at 1 ms",
        server=Server.REDIS,
        pace=1_700,
        standing={
            "tasks": 1_690, "enqueue": 16_900, "dags": 122, "makespan": 1.41,
            "start_p50": 1.6, "start_p99": 3.0,
        },
    ),
    Contestant(
        name="celery",
        module="bench.rivals.celery",
        environment="celery",
        settings="Redis; prefork -c1, late acks, prefetch 4; DAGs -c4; waiting tasks gevent 1,000",
        server=Server.REDIS,
        pace=950,
        standing={
            "tasks": 976, "dags": 48, "makespan": 2.5,
            "start_p50": 1.9, "start_p99": 2.9, "result_p50": 2.8, "result_p99": 4.8,
        },
    ),
    Contestant(
        name="huey",
        module="bench.rivals.huey",
        environment="huey",
        settings="SQLite with fsync; 1 thread, DAGs 4, tasks that wait 100; polled at 5 ms",
        pace=1_600,
        standing={"tasks": 1_641, "drain": 3_250, "dags": 91},
    ),
    Contestant(
        name="dbos-postgres",
        module="bench.rivals.dbos",
        environment="dbos",
        settings="PostgreSQL with fsync; async workflows, queue polled at 10 ms, results at 5 ms",
        server=Server.POSTGRES,
        pace=250,
        standing={
            "tasks": 263, "dags": 27, "makespan": 4.0, "recovered": 1.7,
            "start_p50": 16, "start_p99": 23, "result_p50": 21, "result_p99": 31,
        },
    ),
    Contestant(
        name="dbos-sqlite",
        module="bench.rivals.dbos",
        environment="dbos",
        settings="SQLite; async workflows, queue polled at 10 ms, results at 5 ms",
        rows=frozenset({"queue"}),
        pace=150,
        standing={"tasks": 148},
    ),
    Contestant(
        name="langgraph",
        module="bench.rivals.langgraph",
        environment="langgraph",
        settings="SQLite checkpointer, durability=sync; nodes are the tasks; Send x 10 for DAGs",
        rows=frozenset({"queue", "dags", "sleepers"}),
        pace=650,
        standing={"tasks": 692, "dags": 121, "makespan": 3.7},
    ),
    Contestant(
        name="agent-framework",
        module="bench.rivals.agent_framework",
        environment="agent-framework",
        settings="Agent.run, function invocation layer",
        rows=AGENTS,
        standing={"turn": 119, "waiting": 2.93, "waiting_each": 24},
    ),
    Contestant(
        name="agno",
        module="bench.rivals.agno",
        environment="agno",
        settings="Agent.arun, telemetry off",
        rows=AGENTS,
        standing={"turn": 152, "waiting": 2.88},
    ),
    Contestant(
        name="langgraph-agents",
        module="bench.rivals.langgraph_agents",
        environment="langgraph",
        settings="langchain create_agent",
        rows=AGENTS,
        standing={"turn": 747, "waiting": 12.8},
    ),
    Contestant(
        name="openai-agents",
        module="bench.rivals.openai_agents",
        environment="openai-agents",
        settings="Runner.run, tracing off",
        rows=AGENTS,
        standing={"turn": 830, "waiting": 45, "waiting_each": 69},
    ),
    Contestant(
        name="pydantic-ai",
        module="bench.rivals.pydantic_ai",
        environment="pydantic-ai",
        settings="Agent.run on a function model, one Agent reused",
        rows=AGENTS,
        standing={"turn": 1_066, "waiting": 18, "waiting_each": 91},
    ),
)  # fmt: skip

CAST: Final[Mapping[str, Contestant]] = {each.name: each for each in (*SKEP, *RIVALS)}
