"""Fixtures of the fleet's tests: a depot on each store that several processes can share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.shell import Shell, files_into
from tests.fleet.depot import HANDS, Depot
from tests.servers import redis_server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the session's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def on_redis(redis_url: str, tmp_path: Path) -> Iterator[Depot]:
    """A depot on Redis, with a queue of its own."""
    yield from opened(tmp_path, redis_url)


@pytest.fixture(params=["sqlite", "redis"])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Depot]:
    """A depot on each store, with a queue of its own."""
    is_redis = request.param == "redis"
    url = request.getfixturevalue("redis_url") if is_redis else f"sqlite:///{tmp_path}/work.db"
    yield from opened(tmp_path, url)


def opened(folder: Path, url: str) -> Iterator[Depot]:
    """A depot whose workers are ended with the test."""
    place = files_into(folder / "shop")
    files_into(place, {"hands.py": HANDS})
    shell = Shell(folder=place, environment={"SKEP_STORE": url})
    depot = Depot(shell=shell, queue=f"q-{folder.name}"[:64])
    yield depot
    for worker in depot.workers:
        worker.process.kill()
        worker.process.communicate()
