"""Leaders that are killed, stopped past their lease or cut off: nothing of them counts (14)."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.fleet.reign import TEN_TIMES, reign

REPO: Final = Path(__file__).parents[2]
FAULTS: Final = {"sqlite": ("kill", "stop"), "redis": ("kill", "stop", "cut")}
WRITES: Final = 5
"""How many writes a deposed leader tries."""


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """The check of the term switched off, by a small change of a copy."""

    store: str
    file: str
    old: str
    new: str


SABOTAGES: Final = (
    pytest.param(
        Sabotage(
            store="sqlite",
            file="drivers/sqlite/electing.py",
            old="    if not election.may_act(stands, mandate, incarnation=changes.incarnation):\n"
            "        raise",
            new="    if stands is None:\n        raise",
        ),
        marks=pytest.mark.deep,
        id="sqlite",
    ),
    pytest.param(
        Sabotage(
            store="redis",
            file="drivers/redis/functions/61_terms.lua",
            old="  if is_current then return nil end\n",
            new="  if row[1] then return nil end\n",
        ),
        id="redis",
    ),
)


async def strike(store: str, folder: Path, *, times: int, lease_s: float) -> None:
    """Strike the leader by each fault so many times, and see that nothing came of it."""
    faults = FAULTS[store]
    async with reign(store, folder, lease_s=lease_s) as rig:
        for fault in faults:
            await rig.rounds(fault, times)
        found = await rig.settled()

        print(rig.figures)  # noqa: T201 - the deep run quotes its figures
        assert found == {"work": [], "messages": [], "terms": []}
        assert set(rig.answers) == {"stale"}
        assert rig.answers["stale"] >= WRITES * times * (len(faults) - 1)
        assert max(rig.vacancies_s) < TEN_TIMES * 2 * lease_s


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", FAULTS)
async def test_a_leader_that_is_struck_is_followed_and_writes_nothing_more(
    store: str, tmp_path: Path
) -> None:
    """Ten times each: one leader in each term, no stale write, a new leader, and no work lost."""
    await strike(store, tmp_path, times=10, lease_s=0.5)


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("store", FAULTS)
async def test_a_hundred_leaders_are_struck_by_each_fault(store: str, tmp_path: Path) -> None:
    """The same, a hundred times each, under a longer lease."""
    await strike(store, tmp_path, times=100, lease_s=1.0)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("sabotage", SABOTAGES)
async def test_without_the_check_of_the_term_the_rig_is_red(
    sabotage: Sabotage, tmp_path: Path
) -> None:
    """A leader that slept writes in the term of another, and the witness and itself tell so."""
    source = sabotaged(sabotage, tmp_path)

    async with reign(sabotage.store, tmp_path, lease_s=0.5, source=source) as rig:
        await rig.rounds("stop", 2)

        print(rig.figures)  # noqa: T201 - how red it was
        assert rig.answers["accepted"] > 0
        assert (await rig.settled())["terms"] != []


def sabotaged(sabotage: Sabotage, folder: Path) -> Path:
    """Copy the package with the check switched off; gives the folder to import it from."""
    source = folder / "src"
    shutil.copytree(REPO / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "skep" / sabotage.file
    text = file.read_text()
    assert text.count(sabotage.old) == 1, f"{sabotage.file} has changed; mend the sabotage"
    file.write_text(text.replace(sabotage.old, sabotage.new))
    return source
