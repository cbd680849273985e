"""Random histories on every driver, compared with the memory store step by step."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest import TestCase

import pytest
from hypothesis import Phase, settings
from typing_extensions import override

from skep.testing.directory_machine import DirectoryMachine
from skep.testing.harness import Harness
from skep.testing.leader_machine import LeaderMachine
from skep.testing.memory import MemoryHarness
from skep.testing.pool_machine import PoolMachine
from skep.testing.redis import RedisHarness
from skep.testing.sqlite import SqliteHarness

FOLDER: Final = Path("/dev/shm")
"""A file system in memory where there is one: the machine crashes processes, not disks."""


class TemporarySqlite(SqliteHarness):
    """A SQLite store in a folder that goes when the history is over."""

    def __init__(self) -> None:
        where = FOLDER if FOLDER.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="skep-", dir=where)
        super().__init__(Path(self._folder.name) / "skep.db")

    @override
    async def dispose(self) -> None:
        """Close the store and delete its folder."""
        await super().dispose()
        self._folder.cleanup()


QUICK: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""Finding a failure takes a minute, the shortest one many: that is for the deep runs."""


def case(
    new_harness: Callable[[], Harness], *, examples: int, steps: int, shrinks: bool = False
) -> type[TestCase]:
    """Make a test case that runs this many histories of this many steps."""

    class Machine(PoolMachine, LeaderMachine, DirectoryMachine):
        """The machine on one driver."""

        @override
        def new_harness(self) -> Harness:
            return new_harness()

    Machine.TestCase.settings = settings(
        Machine.TestCase.settings,
        max_examples=examples,
        stateful_step_count=steps,
        phases=[*QUICK, Phase.shrink] if shrinks else QUICK,
    )
    return Machine.TestCase


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestMemory(case(MemoryHarness, examples=60, steps=40)):
    """The memory store in random histories."""


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestSqlite(case(TemporarySqlite, examples=60, steps=40)):
    """The SQLite store in random histories."""


class SharedRedis(RedisHarness):
    """A store in the database of the session's server."""

    url = ""

    def __init__(self) -> None:
        super().__init__(self.url)


@pytest.fixture(scope="session")
def shared_redis(redis_url: str) -> None:
    """Tell the machine, which takes no fixtures, where the server is."""
    SharedRedis.url = redis_url


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("shared_redis")
class TestRedis(case(SharedRedis, examples=40, steps=40)):
    """The Redis store in random histories."""


@pytest.mark.deep
@pytest.mark.usefixtures("shared_redis")
class TestRedisDeep(case(SharedRedis, examples=120, steps=80, shrinks=True)):
    """The Redis store in many long histories."""


@pytest.mark.deep
class TestMemoryDeep(case(MemoryHarness, examples=1_000, steps=80, shrinks=True)):
    """The memory store in many long histories."""


@pytest.mark.deep
class TestSqliteDeep(case(TemporarySqlite, examples=600, steps=80, shrinks=True)):
    """The SQLite store in many long histories."""
