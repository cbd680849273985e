"""Which model of a chain answered, and why those before it did not: `journal` and `cost`."""

import json
from pathlib import Path

import pytest

import skep
from skep.agent.scripted import ScriptedModel
from skep.cli.cost import cost
from skep.cli.history import journal
from skep.cli.options import Common

PLAN = [skep.TaskSpec(key=skep.TaskKey(key), agent="researcher") for key in ("one", "two")]


@pytest.fixture
async def store(tmp_path: Path) -> str:
    """A store with a swarm whose first model could answer nobody."""
    url = f"sqlite:///{tmp_path / 'skep.db'}"
    models = {
        "first": ScriptedModel([ConnectionResetError("the line is dead")]),
        "second": ScriptedModel(["Honey keeps for years."]),
    }
    async with skep.open(url, models=models) as hive:
        swarm = await hive.submit("How long does honey keep?", PLAN, model="first,second")
        await swarm.result()
    return url


async def test_the_journal_names_who_answered(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each request has its model, and a line for each one that was passed over."""
    await journal("last", common=Common(store=store))
    shown = capsys.readouterr().out
    await journal("last", "one", common=Common(store=store, json=True))
    (step,) = json.loads(capsys.readouterr().out)["steps"]

    assert "one turn/1/model: first was passed over (ConnectionResetError): " in shown
    assert (step["model"], step["passed_over"][0]["model"]) == ("second", "first")
    assert step["passed_over"][0]["code"] == "ConnectionResetError"


async def test_cost_counts_who_was_passed_over(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alike failures of one model are one row, with the words of the first."""
    await cost("last", common=Common(store=store))
    shown = capsys.readouterr().out
    await cost("last", common=Common(store=store, json=True))
    (passed,) = json.loads(capsys.readouterr().out)["passed_over"]

    assert "passed over" in shown
    assert (passed["model"], passed["code"], passed["times"]) == (
        "first",
        "ConnectionResetError",
        2,
    )
    assert passed["reason"]
