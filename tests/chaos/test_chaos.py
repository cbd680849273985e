"""Processes that are killed at random lose nothing, and repeat only what was in flight."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests.chaos.figures import Figures, count
from tests.chaos.oracle import AT_THE_END, judge
from tests.chaos.rig import Rig
from tests.chaos.weather import ROUGH
from tests.chaos.witnesses import gather
from tests.servers import redis_server

SEED = "CHAOS_SEED"
GREEN = "green"
CHECK_S = 45
DEEP_S = 1800


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that is left behind, with all ledgers, unless the oracle was content."""
    folder = Path(mkdtemp(prefix="skep-chaos-"))
    yield folder
    if (folder / GREEN).exists():
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "redis"])
def rig(request: pytest.FixtureRequest, folder: Path) -> Iterator[Rig]:
    """A rig on each store that several processes share; `CHAOS_SEED` repeats its choices."""
    seed = int(os.environ.get(SEED, random.randrange(2**32)))
    if request.param == "sqlite":
        store = f"sqlite:///{folder}/chaos.db"
        yield Rig(folder=folder, store=store, weather=ROUGH, seed=seed)
        return
    with redis_server(folder) as url:
        yield Rig(folder=folder, store=url, weather=ROUGH, seed=seed)


async def held(rig: Rig, *, seconds: float) -> Figures:
    """Let the rig rage for so long, hold it to its oracle, and say what happened."""
    await rig.run(seconds=seconds)
    evidence = await gather(rig.settings, rig.folder)

    figures = count(evidence)
    store = rig.store.partition(":")[0]
    print(f"{store}, {seconds} s, {SEED}={rig.seed}: {figures}")  # noqa: T201
    assert judge(evidence, AT_THE_END) == {}, f"see {rig.folder}"
    (rig.folder / GREEN).touch()
    return figures


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killed_processes_lose_nothing_and_repeat_only_what_was_open(rig: Rig) -> None:
    """A minute of kill -9: every accepted swarm completes right, once."""
    figures = await held(rig, seconds=CHECK_S)

    assert figures.kills >= CHECK_S / 3
    assert figures.tasks


@pytest.mark.deep
@pytest.mark.timeout(2 * DEEP_S)
async def test_half_an_hour_of_kills_loses_nothing(rig: Rig) -> None:
    """Half an hour of kill -9 on each store, with enough of each kind of bad luck."""
    figures = await held(rig, seconds=DEEP_S)

    assert figures.kills >= 600
    assert figures.tasks >= 10_000
    assert figures.kills_in_open_calls >= 200
    assert figures.takeovers
    assert figures.reclaims
