"""Workers that are killed at random lose nothing, and repeat only what was in flight."""

import random
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from tests.chaos.rig import Rig, judge
from tests.servers import redis_server


@pytest.fixture(params=["sqlite", "redis"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A rig on each store that several processes share."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - a failure says how to repeat its choices
    if request.param == "sqlite":
        yield Rig(tmp_path, f"sqlite:///{tmp_path}/chaos.db", random.Random(seed))
        return
    with redis_server(tmp_path) as url:
        yield Rig(tmp_path, url, random.Random(seed))


async def hold(rig: Rig, *, seconds: float) -> None:
    """Let the rig rage for so long, and hold it to its oracle."""
    await rig.run(seconds=seconds)
    verdict = await judge(rig)

    found = {each.name: getattr(verdict, each.name) for each in fields(verdict)}
    print(f"{len(rig.swarms)} swarms, {len(rig.killed)} kills, {found}")  # noqa: T201 - quoted
    assert rig.swarms
    assert rig.killed
    del found["kills_on_open_calls"]
    assert not any(found.values()), found


@pytest.mark.slow
@pytest.mark.timeout(170)
async def test_killed_workers_lose_nothing_and_repeat_only_what_was_open(rig: Rig) -> None:
    """Twenty seconds of kill -9: every accepted swarm completes right, once."""
    await hold(rig, seconds=20)


@pytest.mark.deep
@pytest.mark.timeout(3000)
async def test_ten_minutes_of_kills_lose_nothing(rig: Rig) -> None:
    """Ten minutes of kill -9 on each store: the same."""
    await hold(rig, seconds=600)
