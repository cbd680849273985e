"""The rig is tested itself: with one thing switched off it turns red, and says what is off.

All on SQLite, where a run needs no server and what is switched off is Python.
"""

import ast
import asyncio
import random
import time
from collections.abc import Collection
from pathlib import Path

import pytest
from tests.chaos.oracle import ALWAYS, AT_THE_END, judge
from tests.chaos.rig import REPO, Rig
from tests.chaos.sabotage import SABOTAGES, Sabotage, applied, sabotaged
from tests.chaos.witnesses import gather

RED_WITHIN_S = 60.0
CONTROL_S = 20.0
LOOK_S = 2.0


def rig_of(sabotage: Sabotage, folder: Path, source: Path) -> Rig:
    """A rig in the weather of a sabotage."""
    seed = random.randrange(2**32)
    store = f"sqlite:///{folder}/chaos.db"
    return Rig(folder=folder, store=store, weather=sabotage.weather, seed=seed, source=source)


async def rage(rig: Rig, *, seconds: float, awaited: Collection[str] = ()) -> dict[str, list[str]]:
    """Let the rig rage, look now and then, stop once one of these is red; gives what is red."""
    raging = asyncio.create_task(rig.run(seconds=seconds))
    try:
        while not raging.done():
            await asyncio.wait({raging}, timeout=LOOK_S)
            found = judge(await gather(rig.settings, rig.folder), ALWAYS)
            if found.keys() & awaited:
                return found
    finally:
        raging.cancel()
        await asyncio.wait({raging})
    return judge(await gather(rig.settings, rig.folder), AT_THE_END)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.name)
def test_what_is_switched_off_is_still_there(sabotage: Sabotage) -> None:
    """A change of the package that a sabotage no longer fits is met here, not in the deep run."""
    ast.parse(applied(sabotage))


@pytest.mark.deep
@pytest.mark.timeout(180)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.name)
async def test_what_is_switched_off_is_found_within_a_minute(
    sabotage: Sabotage, tmp_path: Path
) -> None:
    """Without the fence, the intent, the read-back or the drain the rig is red, and says why."""
    rig = rig_of(sabotage, tmp_path, sabotaged(sabotage, tmp_path))
    began = time.monotonic()

    found = await rage(rig, seconds=sabotage.rage_s, awaited={sabotage.check})

    took_s = time.monotonic() - began
    print(f"without the {sabotage.name}: red after {took_s:.0f} s by {found}")  # noqa: T201
    assert sabotage.check in found
    assert found.keys() <= {sabotage.check, *sabotage.follows}
    assert took_s < RED_WITHIN_S


@pytest.mark.deep
@pytest.mark.timeout(180)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.name)
async def test_with_everything_on_the_same_weather_stays_green(
    sabotage: Sabotage, tmp_path: Path
) -> None:
    """In the weather that finds a sabotage the package itself is never red."""
    rig = rig_of(sabotage, tmp_path, REPO / "src")

    assert await rage(rig, seconds=CONTROL_S) == {}
