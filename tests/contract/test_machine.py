"""Random histories on every driver, compared with the memory store step by step."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest import TestCase

import pytest
from hypothesis import settings
from typing_extensions import override

from skep.testing.harness import Harness
from skep.testing.machine import StoreMachine
from skep.testing.memory import MemoryHarness
from skep.testing.sqlite import SqliteHarness

FOLDER: Final = Path("/dev/shm")
"""A file system in memory where there is one: the machine crashes processes, not disks."""


def new_sqlite() -> SqliteHarness:
    """Make a harness with a file of its own."""
    where = FOLDER if FOLDER.is_dir() else None
    return SqliteHarness(Path(tempfile.mkdtemp(prefix="skep-", dir=where)) / "skep.db")


def case(new_harness: Callable[[], Harness], *, examples: int, steps: int) -> type[TestCase]:
    """Make a test case that runs this many histories of this many steps."""

    class Machine(StoreMachine):
        """The machine on one driver."""

        @override
        def new_harness(self) -> Harness:
            return new_harness()

    Machine.TestCase.settings = settings(
        Machine.TestCase.settings,
        max_examples=examples,
        stateful_step_count=steps,
    )
    return Machine.TestCase


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestMemory(case(MemoryHarness, examples=150, steps=40)):
    """The memory store in random histories."""


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestSqlite(case(new_sqlite, examples=100, steps=40)):
    """The SQLite store in random histories."""


@pytest.mark.deep
class TestMemoryDeep(case(MemoryHarness, examples=5_000, steps=80)):
    """The memory store in many long histories."""


@pytest.mark.deep
class TestSqliteDeep(case(new_sqlite, examples=3_000, steps=80)):
    """The SQLite store in many long histories."""
