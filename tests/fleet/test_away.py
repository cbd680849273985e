"""The store goes away and comes back, and workers say so: a real server, stopped and started."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fleet.conftest import opened
from tests.fleet.depot import Depot, told_to_stop
from tests.servers import RedisProcess

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server that keeps what it acknowledged."""
    (tmp_path / "server").mkdir()
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with RedisProcess(tmp_path / "server", *options) as process:
        yield process


@pytest.fixture
def depot(server: RedisProcess, tmp_path: Path) -> Iterator[Depot]:
    """A depot on that server."""
    yield from opened(tmp_path, server.url)


def test_a_worker_tells_that_its_store_is_away_and_back(depot: Depot, server: RedisProcess) -> None:
    """One line when it is gone, one when it answers, and then the work goes on."""
    worker = depot.worker()

    server.kill()
    away = worker.until("does not answer")
    server.start()
    back = worker.until("answers again")
    depot.watched(depot.submit("quick"))

    assert "work goes on when it does" in away
    assert "The store answers again." in back
    code, out = told_to_stop(worker)
    assert (code, out.count("does not answer"), out.count("answers again")) == (0, 1, 1), out


def test_the_same_is_told_in_json_lines(depot: Depot, server: RedisProcess) -> None:
    """With --json the two lines are documents of the kinds store.away and store.back."""
    worker = depot.shell.begin("work", "--queues", depot.queue, "--import", "hands", "--json")
    depot.workers.append(worker)
    worker.until('"ready"')

    server.kill()
    away = json.loads(worker.until("store.away"))
    server.start()
    back = json.loads(worker.until("store.back"))

    assert [away["event"], back["event"]] == ["store.away", "store.back"]
    assert away["at"] <= back["at"]
    assert told_to_stop(worker)[0] == 0
