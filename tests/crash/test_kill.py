"""`kill -9` at any moment costs nothing that was recorded, and changes no word of the report."""

import os
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.crash.rig import (
    Rig,
    calls_after_their_record,
    events_of,
    killed_run,
    report_of,
    whole_run_s,
)
from tests.repositories import begin_repository

PROJECT = Path(__file__).parents[2]
TOOLS = 8
"""The calls that one run makes."""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A rig on a copy of this project, with a history of its own."""
    workspace = tmp_path / "workspace"
    shutil.copytree(
        PROJECT / "src", workspace / "src", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(PROJECT / "docs", workspace / "docs")
    begin_repository(workspace, "All of it")
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return Rig(home=home, workspace=workspace, environment={**kept, "NO_COLOR": "1"})


def kill_and_compare(rig: Rig, *, kills: int, seed: int) -> None:
    """Kill runs until there were so many kills, and hold each to the run that nobody killed."""
    chance = random.Random(seed)
    whole_s = whole_run_s(rig)
    expected = report_of(rig, rig.swarms()[0])
    while rig.kills < kills:
        since = time.time()
        swarm = killed_run(rig, chance, whole_s=whole_s, kills_max=6)
        told = f"seed {seed}, swarm {swarm}, after {rig.kills} kills"
        assert report_of(rig, swarm) == expected, told
        assert calls_after_their_record(rig, swarm, since=since) == [], told
        assert rig.ledger.read_text().count("\n") >= TOOLS, told
        kinds = [event["kind"] for event in events_of(rig, swarm)]
        assert kinds.count("task.succeeded") == 9, told
        assert kinds[-1] == "swarm.completed", told
    print(f"{rig.kills} kills, seed {seed}")  # noqa: T201 - the deep run quotes its figures


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_few_kills_lose_nothing_and_repeat_nothing(rig: Rig) -> None:
    """Six kills, each followed by a resume: the same report, and no recorded call made again."""
    kill_and_compare(rig, kills=6, seed=random.randrange(2**32))


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_the_rig_sees_a_journal_that_forgets(rig: Rig) -> None:
    """With the read-back switched off, a recorded call is soon made again, and the rig says so."""
    chance = random.Random(1)
    whole_s = whole_run_s(rig)
    forgetful = replace(rig, environment={**rig.environment, "RIG_FORGETS": "1"})
    repeated: list[str] = []
    while not repeated and forgetful.kills < 60:
        since = time.time()
        swarm = killed_run(forgetful, chance, whole_s=whole_s, kills_max=6)
        repeated = calls_after_their_record(forgetful, swarm, since=since)

    assert repeated


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing_and_repeat_nothing(rig: Rig) -> None:
    """Two hundred kills at random moments: the same report, and no recorded call made again."""
    kill_and_compare(rig, kills=200, seed=random.randrange(2**32))
