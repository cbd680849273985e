"""Fixtures that open a driver's harness with a clock and chance that tests hold in hand."""

import inspect
from collections.abc import AsyncIterator, Generator, Iterator

import pytest
from hypothesis import Phase, settings
from tests.servers import redis_server, valkey_binary

from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.invariants import check

# For planted bugs, where one failure is enough and the shortest one is not asked for.
settings.register_profile("unshrunk", phases=[Phase.generate], database=None)
pytest.register_assert_rewrite("skep.testing.contract", "skep.testing.acts")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with a failure which sentence of the contract was broken."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        contracts = [
            kind for kind in inspect.getmro(item.cls or object) if "Contract" in kind.__name__
        ]
        facts = [inspect.getdoc(each) or "" for each in (*contracts, item.obj)]
        report.sections.append(("contract", "\n".join(facts)))
    return report


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test advances."""
    return ManualClock()


@pytest.fixture
def chance() -> SeededChance:
    """Chance that repeats itself."""
    return SeededChance(1)


@pytest.fixture
async def store(
    harness: Harness, clock: ManualClock, chance: SeededChance
) -> AsyncIterator[InspectableStore]:
    """An open store, whose invariants must hold when the test is over and after a crash."""
    opened = await harness.open(clock=clock, chance=chance)
    yield opened
    check(await opened.dump())
    left = await harness.crash()
    check(await left.dump())
    await harness.dispose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the session's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server of the session's own."""
    with redis_server(tmp_path_factory.mktemp("valkey"), binary=valkey_binary()) as url:
        yield url
