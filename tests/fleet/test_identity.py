"""One identity has one live process, also when the processes know nothing of each other's locks.

Another host is played by another TMPDIR, where the lock of the first one is not found, and by an
owner that is written as a process of a machine with another boot id.
"""

import json
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from tests.cli.shell import Begun
from tests.fleet.depot import Depot, killed, told_to_stop

pytestmark = pytest.mark.slow

FOREIGN: Final = "another-boot/pid:[4026531836]/77/12345/nonce"
SECOND_S: Final = 60.0


@contextmanager
def server_of(depot: Depot) -> Generator[Callable[..., Any]]:
    """A connection to a depot's server."""
    untyped: Any = redis.Redis
    url = depot.shell.environment["SKEP_STORE"]
    with untyped.from_url(url, decode_responses=True) as client:
        yield client.execute_command


def elsewhere(depot: Depot, tmp_path: Path) -> Depot:
    """The same depot, as seen from where the locks of this host are not found."""
    (tmp_path / "elsewhere").mkdir()
    environment = {**depot.shell.environment, "TMPDIR": str(tmp_path / "elsewhere")}
    shell = type(depot.shell)(folder=depot.shell.folder, environment=environment)
    return Depot(shell=shell, queue=depot.queue, workers=depot.workers)


def refused(depot: Depot, identity: str) -> dict[str, str]:
    """Start a worker that must be refused; gives the error that it told."""
    asked = depot.shell.skep("work", "--identity", identity, "--json")
    assert asked.code == 1, asked.out + asked.err
    return json.loads(asked.out)["error"]


def test_a_second_process_leaves_with_a_clear_sentence(depot: Depot) -> None:
    """On each store the refused one says who it would have been and what to do, and exits 1."""
    first = depot.worker("--identity", "sole-a")

    asked = depot.shell.skep("work", "--identity", "sole-a")

    assert asked.code == 1
    assert "error: Another process is at work as sole-a." in asked.err
    assert "hint: Wait until it has ended, or stop it." in asked.err
    assert told_to_stop(first)[0] == 0


def test_an_identity_is_sole_among_hosts(on_redis: Depot, tmp_path: Path) -> None:
    """Where no lock is shared the store refuses the second, names the first, and frees it after."""
    other = elsewhere(on_redis, tmp_path)
    first = on_redis.worker("--identity", "sole-b")

    error = refused(other, "sole-b")
    told_to_stop(first)
    after = other.worker("--identity", "sole-b")

    assert error["code"] == "identity_in_use"
    assert str(first.process.pid) in error["message"]
    assert told_to_stop(after)[0] == 0


def test_a_process_of_another_host_is_waited_for_by_the_reader(on_redis: Depot) -> None:
    """Nobody can see whether it is dead, so the error says how long its lease may last."""
    with server_of(on_redis) as send:
        until = int(send("TIME")[0]) + SECOND_S
        send("HSET", "skep:identity:sole-c", "owner", FOREIGN, "until", until)

        error = refused(on_redis, "sole-c")
        send("DEL", "skep:identity:sole-c")

    assert "another host" in error["message"]
    assert "try again in 10 s" in error["hint"]


def test_a_killed_worker_takes_its_work_back_at_once(on_redis: Depot) -> None:
    """Neither the lease of its task nor that of its identity, long as they are, makes it wait."""
    worker = on_redis.worker("--identity", "sole-d", "--lease", "60")
    swarm = on_redis.submit("hang")
    worker.until("begins")
    with server_of(on_redis) as send:
        send("HSET", "skep:identity:sole-d", "until", int(send("TIME")[0]) + SECOND_S)
        killed(worker)

    on_redis.worker("--identity", "sole-d", "--lease", "60")
    on_redis.watched(swarm)

    assert on_redis.claimants(swarm) == ["sole-d", "sole-d"]


def test_a_killed_worker_that_nobody_buried_is_dead(on_redis: Depot) -> None:
    """A zombie still has its process id; it holds nothing for all that."""
    worker = on_redis.worker("--identity", "sole-e")
    worker.send(signal.SIGKILL)
    os.waitid(os.P_PID, worker.process.pid, os.WEXITED | os.WNOWAIT)

    after = on_redis.worker("--identity", "sole-e")

    assert told_to_stop(after)[0] == 0


def test_a_worker_that_lost_its_identity_stops_and_says_so(on_redis: Depot, tmp_path: Path) -> None:
    """Cut off for longer than its lease and replaced: it claims no more and leaves with 1."""
    other = elsewhere(on_redis, tmp_path)
    first = on_redis.worker("--identity", "sole-f", "--lease", "60")
    swarm = on_redis.submit("hang")
    first.until("begins")
    first.send(signal.SIGSTOP)  # as good as a host that cannot reach the server
    with server_of(on_redis) as send:
        send("HSET", "skep:identity:sole-f", "until", "1.0")
    second = other.worker("--identity", "sole-f", "--lease", "60")
    second.until("begins")
    on_redis.watched(swarm)

    first.send(signal.SIGCONT)
    code, out = first.end()
    after = on_redis.submit("quick")
    on_redis.watched(after)

    assert code == 1, out
    assert "error: Another process has taken over the identity sole-f" in out
    assert on_redis.claimants(swarm) == ["sole-f", "sole-f"]
    assert await_done(second)
    assert told_to_stop(second)[0] == 0


def await_done(worker: Begun) -> bool:
    """Say whether a worker goes on to work."""
    return bool(worker.until("done in"))
