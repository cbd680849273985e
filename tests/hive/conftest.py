"""A hive on the memory driver, with a clock to turn and agents of the test's own."""

from collections.abc import AsyncIterator

import pytest

from skep.agent.function import Roster
from skep.drivers.memory import MemoryStore
from skep.hive.fleet import Fleet
from skep.hive.opening import Parts
from skep.hive.registry import SwarmRegistry
from skep.records.role import Charter
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test advances."""
    return ManualClock()


@pytest.fixture
def chance() -> SeededChance:
    """Chance that repeats itself."""
    return SeededChance(3)


@pytest.fixture
async def store(clock: ManualClock, chance: SeededChance) -> AsyncIterator[MemoryStore]:
    """An open store."""
    async with MemoryStore(clock, chance) as store:
        yield store


@pytest.fixture
def fleet(store: MemoryStore, clock: ManualClock, chance: SeededChance) -> Fleet:
    """A fleet on that store, whose swarms need no charter."""

    def no_charter(model: str, roles: object) -> Charter:
        raise AssertionError(f"no charter is drawn for {model} and {roles}")

    registry = SwarmRegistry(store=store, chance=chance, draw_charter=no_charter)
    return Fleet(Parts(store=store, registry=registry, clock=clock))


@pytest.fixture
def roster() -> Roster:
    """No agents yet."""
    return Roster()
