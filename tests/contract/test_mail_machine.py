"""Random histories of messages on every driver, compared with the memory store step by step."""

from collections.abc import Callable
from unittest import TestCase

import pytest
from hypothesis import Phase, settings
from tests.contract.test_machine import QUICK, SharedRedis, TemporarySqlite
from typing_extensions import override

from skep.testing.harness import Harness
from skep.testing.mail_machine import MailMachine
from skep.testing.memory import MemoryHarness


def case(
    new_harness: Callable[[], Harness], *, examples: int, steps: int, shrinks: bool = False
) -> type[TestCase]:
    """Make a test case that runs this many histories of this many steps."""

    class Machine(MailMachine):
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


@pytest.fixture(scope="session")
def shared_redis(redis_url: str) -> None:
    """Tell the machine, which takes no fixtures, where the server is."""
    SharedRedis.url = redis_url


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestMemory(case(MemoryHarness, examples=60, steps=40)):
    """The memory store's mailbox in random histories."""


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestSqlite(case(TemporarySqlite, examples=60, steps=40)):
    """The SQLite store's mailbox in random histories."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("shared_redis")
class TestRedis(case(SharedRedis, examples=40, steps=40)):
    """The Redis store's mailbox in random histories."""


@pytest.mark.deep
class TestMemoryDeep(case(MemoryHarness, examples=600, steps=80, shrinks=True)):
    """The memory store's mailbox in many long histories."""


@pytest.mark.deep
class TestSqliteDeep(case(TemporarySqlite, examples=400, steps=80, shrinks=True)):
    """The SQLite store's mailbox in many long histories."""


@pytest.mark.deep
@pytest.mark.usefixtures("shared_redis")
class TestRedisDeep(case(SharedRedis, examples=120, steps=80, shrinks=True)):
    """The Redis store's mailbox in many long histories."""
