"""A server that is killed again and again under load: what is lost, and how soon work goes on."""

import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pytest
from tests.redis.conftest import AOF, Opened
from tests.redis.outages import Rig, Verdict, judge
from tests.servers import RedisProcess

from skep.testing.invariants import check

READY_S = 5.0
ROOM = 10
"""How much more time the bound of a quick test is given, on a machine that others use as well."""


HOG: Final = """
import os, sys

block = bytes(1 << 20)
while True:
    with open(sys.argv[1], "wb") as file:
        for _ in range(256):
            file.write(block)
        os.fsync(file.fileno())
"""
"""Keeps the disk busy, so that an fsync of the server takes long enough to be struck by a kill."""


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A rig on a server with the test's setting of its append-only file."""
    seed = random.randrange(2**32)
    setting = request.node.callspec.params["setting"]
    print(f"seed {seed}, {setting}")  # noqa: T201 - a failure says how to repeat its choices
    with RedisProcess(tmp_path, *AOF, setting) as server:
        rig = Rig(tmp_path, server, random.Random(seed))
        yield rig
        rig.close()


@pytest.fixture
def busy_disk(tmp_path: Path) -> Iterator[None]:
    """Somebody else who writes to the disk of the server, all the time."""
    hog = subprocess.Popen([sys.executable, "-c", HOG, str(tmp_path / "hog")])
    yield
    hog.kill()
    hog.wait()


async def hold(rig: Rig, *, outages: int, loses: bool) -> None:
    """Have so many outages, and hold the rig to what the setting of its server promises.

    The bound of five seconds holds for most of them, and with ten times the room for all: whatever
    else the machine does takes its time.
    """
    await rig.run(outages=outages)
    verdict = await judge(rig)

    print(f"{outages} kills, {len(rig.acknowledged)} swarms, {asdict(verdict)}")  # noqa: T201 - quoted
    print(f"ready again after {spread([each.ready_s for each in rig.outages])}")  # noqa: T201
    print(f"acknowledging after {spread([each.acknowledged_s for each in rig.outages])}")  # noqa: T201
    allowed = Verdict(lost=verdict.lost, undone=verdict.undone, lives=verdict.lives)
    assert verdict == (allowed if loses else Verdict())
    assert rig.acknowledged
    ready_s = [each.ready_s for each in rig.outages]
    assert statistics.median(ready_s) < READY_S
    assert max(ready_s) < READY_S * ROOM


def spread(figures: list[float]) -> str:
    """Say the middle and the worst of some seconds."""
    return f"{statistics.median(figures):.2f} s in the middle, {max(figures):.2f} s at worst"


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("setting", ["always", "everysec"])
async def test_a_few_restarts_under_load_lose_nothing_in_silence(
    rig: Rig, opened: Opened, setting: str
) -> None:
    """With `always` nothing is lost; with `everysec` each loss is a new life of the store."""
    await hold(rig, outages=4, loses=setting == "everysec")
    check(await (await opened(rig.server.url)).dump())


@pytest.mark.deep
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("setting", ["always", "everysec"])
async def test_fifty_restarts_under_load_lose_nothing_in_silence(
    rig: Rig, opened: Opened, setting: str
) -> None:
    """Fifty restarts: the same, and work goes on within five seconds each time."""
    await hold(rig, outages=50, loses=setting == "everysec")
    check(await (await opened(rig.server.url)).dump())


@pytest.mark.deep
@pytest.mark.usefixtures("busy_disk")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("setting", ["always", "everysec"])
async def test_fifty_restarts_on_a_busy_disk_lose_nothing_in_silence(
    rig: Rig, opened: Opened, setting: str
) -> None:
    """Where an fsync takes its time `everysec` does lose, never in silence; `always` does not."""
    await hold(rig, outages=50, loses=setting == "everysec")
    check(await (await opened(rig.server.url)).dump())
