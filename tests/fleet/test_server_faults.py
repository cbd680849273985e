"""What befalls a Redis server is a typed error to callers; workers say so once, and work on.

Here as whole processes see it; the driver's side of the same is in `tests/redis/test_faults.py`.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.cli.shell import Begun, Result
from tests.fleet.conftest import opened
from tests.fleet.depot import Depot, told_to_stop
from tests.redis.conftest import AOF, Raw, beside
from tests.servers import RedisProcess

pytestmark = pytest.mark.slow

AWAY: Final = "The store does not answer"
BACK: Final = "The store answers again"
KILLS: Final = 2
HUNG_S: Final = 13
"""More than twice the time-out: a call may wait as long for its turn as for its answer."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of the test's own, to do harm to."""
    (tmp_path / "server").mkdir()
    with RedisProcess(tmp_path / "server", *AOF, "everysec") as process:
        yield process


@pytest.fixture
def raw(server: RedisProcess) -> Iterator[Raw]:
    """A connection over which the harm is done."""
    with beside(server.port) as send:
        yield send


@pytest.fixture
def harmed(server: RedisProcess, tmp_path: Path) -> Iterator[Depot]:
    """A depot on that server."""
    yield from opened(tmp_path, server.url)


def works_on(depot: Depot, *workers: Begun) -> list[str]:
    """See that the same processes do new work; gives their lines, once they are told to stop."""
    depot.watched(depot.submit("quick", "quick"))
    assert [worker.process.poll() for worker in workers] == [None] * len(workers)
    ended = [told_to_stop(worker) for worker in workers]
    assert [code for code, _ in ended] == [0] * len(workers)
    return [out for _, out in ended]


def code_of(refused: Result) -> str:
    """The code of the error that a command ended with."""
    assert refused.code == 1, refused
    document: Any = json.loads(refused.out)
    return str(document["error"]["code"])


def changes(out: str) -> list[str]:
    """The lines that tell of the store, in their order."""
    return [word for line in out.splitlines() for word in (AWAY, BACK) if word in line]


def test_a_full_memory_is_told_to_callers_and_once_in_the_log(harmed: Depot, raw: Raw) -> None:
    """While nothing can be written callers are refused; with more memory the workers go on."""
    workers = [harmed.worker(), harmed.worker()]
    raw("CONFIG", "SET", "maxmemory", 1)
    for worker in workers:
        worker.until(AWAY)

    submit = ("run", "Audit this repository", "--model", "offline", "--detach", "--json")
    refused = [code_of(harmed.shell.skep(*submit)) for _ in range(3)]
    raw("CONFIG", "SET", "maxmemory", 0)
    for worker in workers:
        worker.until(BACK)

    assert refused == ["store_unavailable"] * 3
    assert [changes(out) for out in works_on(harmed, *workers)] == [[AWAY, BACK]] * 2


def test_a_flush_takes_the_swarms_and_no_worker(harmed: Depot, raw: Raw) -> None:
    """The running task is lost to its worker, callers are told that there is no such swarm."""
    worker = harmed.worker("--lease", "1")
    swarm = harmed.submit("hang")
    worker.until("begins")

    raw("FLUSHALL")
    worker.until("lost")

    assert code_of(harmed.shell.skep("swarm", "show", swarm, "--json")) == "swarm_not_found"
    (out,) = works_on(harmed, worker)
    assert changes(out) == []


def test_killed_connections_cost_nothing(harmed: Depot, raw: Raw) -> None:
    """Tasks that run go on under their leases, and each change of state is told once."""
    first = harmed.worker()
    swarm = harmed.submit("hang")
    first.until("begins")
    second = harmed.worker()

    for _ in range(KILLS):
        for kind in ("normal", "pubsub"):
            raw("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        harmed.watched(harmed.submit("quick"))

    assert harmed.events(swarm, "task.lost") == []
    for out in works_on(harmed, second, first):
        told = changes(out)
        assert told == [AWAY, BACK] * (len(told) // 2)
        assert len(told) <= 2 * KILLS


@pytest.mark.deep
def test_a_server_that_hangs_is_told_to_callers_and_once_in_the_log(
    harmed: Depot, server: RedisProcess
) -> None:
    """A call beyond the time-out is an error; when the server goes on, so does the work."""
    worker = harmed.worker()
    with socket.create_connection(("127.0.0.1", server.port)) as beside_it:
        beside_it.sendall(f"DEBUG SLEEP {HUNG_S}\r\n".encode())
        refused = harmed.shell.skep("swarm", "list", "--json")
        worker.until(AWAY)
        worker.until(BACK)

    assert code_of(refused) == "store_unavailable"
    (out,) = works_on(harmed, worker)
    assert changes(out) == [AWAY, BACK]
