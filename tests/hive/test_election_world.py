"""Elections in a world that goes wrong: no stale write counts, no term has two leaders (14, 35)."""

from typing import Final

import pytest
from tests.hive.electorate import (
    Believer,
    Broken,
    Forgetful,
    LateCounter,
    Make,
    Repeated,
    Unchecked,
    Unheard,
    World,
)

STEPS: Final = 300
SEEDS: Final = range(250)
DEEP_SEEDS: Final = range(250, 5_250)


async def lived(seed: int, *, make: Make, is_rough: bool) -> World:
    """Run one world to its end; a failure names its seed."""
    world = World(seed, make=make, is_rough=is_rough)
    try:
        await world.run(STEPS)
    except Broken as broken:
        raise Broken(f"seed {seed}, {'rough' if is_rough else 'steady'}: {broken}") from None
    return world


async def all_lived(seeds: range, *, make: Make, is_rough: bool) -> int:
    """Run a world for each seed; gives how many writes were tried in a term that was over."""
    tries = 0
    for seed in seeds:
        tries += (await lived(seed, make=make, is_rough=is_rough)).stale_tries
    return tries


@pytest.mark.parametrize("is_rough", [False, True], ids=["steady", "rough"])
async def test_whatever_goes_wrong_only_the_last_elected_writes(*, is_rough: bool) -> None:
    """No term has two leaders, no stale write is accepted, and after all faults somebody leads."""
    tries = await all_lived(SEEDS, make=Make(), is_rough=is_rough)

    assert tries >= 100


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_rough", [False, True], ids=["steady", "rough"])
async def test_it_goes_well_in_thousands_of_worlds(*, is_rough: bool) -> None:
    """The same, for as long as it takes."""
    tries = await all_lived(DEEP_SEEDS, make=Make(), is_rough=is_rough)

    print(f"{len(DEEP_SEEDS)} worlds, {tries} stale writes tried, none accepted")  # noqa: T201
    assert tries >= 2_500


@pytest.mark.parametrize(
    "make",
    [
        Make(terms=Unchecked),
        Make(terms=Repeated),
        Make(terms=Unheard),
        Make(elector=Believer),
        Make(elector=LateCounter),
        Make(elector=Forgetful),
    ],
    ids=lambda make: f"{make.terms.__name__}-{make.elector.__name__}",
)
async def test_the_world_notices_what_is_broken(make: Make) -> None:
    """With the check, the term, the lease or the own clock switched off, a seed tells."""
    with pytest.raises(Broken) as found:
        await all_lived(SEEDS, make=make, is_rough=False)

    print(found.value)  # noqa: T201
