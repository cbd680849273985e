"""A server that is killed again and again under load: what is lost, and how soon work goes on."""

import random
import statistics
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.redis.conftest import AOF, Opened
from tests.redis.outages import Rig, Verdict, judge
from tests.servers import RedisProcess

from skep.testing.invariants import check

READY_S = 5.0
ROOM = 10
"""How much more time the bound of a quick test is given, on a machine that others use as well."""


@pytest.fixture(params=["always", "everysec"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A rig on a server of each setting of its append-only file."""
    seed = random.randrange(2**32)
    print(f"seed {seed}, {request.param}")  # noqa: T201 - a failure says how to repeat its choices
    with RedisProcess(tmp_path, *AOF, request.param) as server:
        rig = Rig(tmp_path, server, random.Random(seed))
        yield rig
        rig.close()


async def hold(rig: Rig, *, outages: int, ready_s: float, loses: bool) -> None:
    """Have so many outages, and hold the rig to what the setting of its server promises."""
    await rig.run(outages=outages)
    verdict = await judge(rig)

    print(f"{outages} kills, {len(rig.acknowledged)} swarms, {asdict(verdict)}")  # noqa: T201 - quoted
    print(f"ready again after {spread([each.ready_s for each in rig.outages])}")  # noqa: T201
    print(f"acknowledging after {spread([each.acknowledged_s for each in rig.outages])}")  # noqa: T201
    allowed = Verdict(lost=verdict.lost, undone=verdict.undone, lives=verdict.lives)
    assert verdict == (allowed if loses else Verdict())
    assert rig.acknowledged
    assert max(each.ready_s for each in rig.outages) < ready_s


def spread(figures: list[float]) -> str:
    """Say the middle and the worst of some seconds."""
    return f"{statistics.median(figures):.2f} s in the middle, {max(figures):.2f} s at worst"


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_few_restarts_under_load_lose_nothing_in_silence(
    rig: Rig, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """With `always` nothing is lost; with `everysec` each loss is a new life of the store."""
    loses = request.node.callspec.params["rig"] == "everysec"
    await hold(rig, outages=4, ready_s=READY_S * ROOM, loses=loses)
    check(await (await opened(rig.server.url)).dump())


@pytest.mark.deep
@pytest.mark.timeout(1200)
async def test_fifty_restarts_under_load_lose_nothing_in_silence(
    rig: Rig, request: pytest.FixtureRequest, opened: Opened
) -> None:
    """Fifty restarts: the same, and work goes on within five seconds each time."""
    loses = request.node.callspec.params["rig"] == "everysec"
    await hold(rig, outages=50, ready_s=READY_S, loses=loses)
    check(await (await opened(rig.server.url)).dump())
