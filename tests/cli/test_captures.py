"""`skep swarm snapshot`, `snapshots`, `restore`, `recover`, `export`, `import` from outside."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell, files_into

pytestmark = pytest.mark.slow

PLAN = {"objective": "Look", "tasks": [{"key": "a", "agent": "cartographer"}]}


@pytest.fixture
def own(done: tuple[Shell, Any], tmp_path: Path) -> tuple[Shell, Any]:
    """A copy of the shell where a swarm has completed, for these tests make more of them."""
    shell, document = done
    folder = tmp_path / "own"
    shutil.copytree(shell.folder, folder)
    return replace(shell, folder=folder), document


@pytest.fixture
def waiting(shell: Shell) -> tuple[Shell, str]:
    """A shell with a swarm that nobody works on, and its id."""
    files_into(shell.folder, {"plan.json": json.dumps(PLAN)})
    done = shell.skep("run", "--plan", "plan.json", "--detach", "--model", "offline", "--json")
    assert done.code == 0, done.err
    return shell, done.json["swarm"]


def told(shell: Shell, *arguments: str) -> Any:  # noqa: ANN401 - any document
    """Run a command that must succeed; gives its document."""
    done = shell.skep(*arguments, "--json")
    assert done.code == 0, done.err + done.out
    return done.json


def test_a_snapshot_is_taken_and_listed(waiting: tuple[Shell, str]) -> None:
    """Each kind has its numbers, a label is kept, and asking again changes nothing."""
    shell, swarm = waiting
    first = told(shell, "swarm", "snapshot", swarm)
    again = told(shell, "swarm", "snapshot", swarm)
    told(shell, "swarm", "snapshot", swarm, "--checkpoint", "--label", "before lunch")

    listed = told(shell, "swarm", "snapshots", swarm)

    assert again == first
    found = [(each["capture"], each["label"]) for each in listed["captures"]]
    assert sorted(found) == [("checkpoint/1", "before lunch"), ("snapshot/1", "")]
    shown = shell.skep("swarm", "snapshots", "last").out
    assert "before lunch" in shown
    assert "checkpoint/1" in shown


def test_a_swarm_without_captures_says_how_to_make_one(waiting: tuple[Shell, str]) -> None:
    """The empty list names the next command."""
    shell, swarm = waiting

    assert f"skep swarm snapshot {swarm[-8:]}" in shell.skep("swarm", "snapshots", swarm).out


@pytest.mark.parametrize("name", ["1", "snapshot/1", "before lunch"])
def test_a_snapshot_is_restored_as_a_new_swarm(waiting: tuple[Shell, str], name: str) -> None:
    """By its number, its name or its label; the new swarm can be worked on, the first stays."""
    shell, swarm = waiting
    told(shell, "swarm", "snapshot", swarm, "--label", "before lunch")
    assert shell.skep("swarm", "cancel", swarm).code == 0

    made = told(shell, "swarm", "restore", swarm, name)

    assert (made["of"], made["capture"]) == (swarm, "snapshot/1")
    states = {each["swarm"]: each["status"] for each in told(shell, "swarm", "list")["swarms"]}
    assert states == {swarm: "cancelled", made["swarm"]: "active"}


def test_an_unknown_snapshot_is_refused(waiting: tuple[Shell, str]) -> None:
    """The refusal is typed, and names the command that lists them."""
    shell, swarm = waiting

    refused = shell.skep("swarm", "restore", swarm, "7")

    assert refused.code == 1
    assert "skep swarm snapshots" in refused.err


def test_a_foreground_run_is_restored_and_resumed(own: tuple[Shell, Any]) -> None:
    """A copy of a run of this shell is worked on here, under its own queue."""
    shell, document = own
    made = told(shell, "swarm", "snapshot", document["swarm"])
    copy = told(shell, "swarm", "restore", document["swarm"], made["capture"])

    resumed = told(shell, "resume", copy["swarm"])

    assert resumed["status"] == "completed"


def test_recover_tells_what_it_did(waiting: tuple[Shell, str]) -> None:
    """The source, the plan and the figure with its facts are shown and written."""
    shell, swarm = waiting

    result = told(shell, "swarm", "recover", swarm)

    assert (result["source"], result["success"], result["confidence"]) == ("state", True, 0.95)
    assert [fact["fact"] for fact in result["facts"]] == ["freshness", "definitions", "attempts"]
    shown = shell.skep("swarm", "recover", swarm).out
    assert "0.95 of 0.95" in shown
    assert "from its state" in shown


def test_a_swarm_is_exported_and_imported(own: tuple[Shell, Any]) -> None:
    """Into another store under its own id, and beside itself as a copy."""
    shell, document = own
    swarm = document["swarm"]
    made = told(shell, "swarm", "export", swarm, "-o", "one.skep")

    there = told(shell, "swarm", "import", "one.skep", "--store", "sqlite:///elsewhere.db")
    here = told(shell, "swarm", "import", "one.skep")

    assert made["tasks"] == there["tasks"] == 9
    assert there["swarm"] == swarm != here["swarm"]
    shown = told(shell, "swarm", "show", swarm, "--store", "sqlite:///elsewhere.db")
    assert shown["status"] == "completed"


def test_a_touched_file_is_refused(own: tuple[Shell, Any]) -> None:
    """A file that was cut is refused by its code, and no store is left with half of it."""
    shell, document = own
    told(shell, "swarm", "export", document["swarm"], "-o", "cut.skep")
    file = shell.folder / "cut.skep"
    file.write_bytes(file.read_bytes()[:-100])

    refused = shell.skep("swarm", "import", "cut.skep", "--store", "sqlite:///none.db", "--json")

    assert refused.code == 2
    assert json.loads(refused.out)["error"]["code"] == "capture_unusable"
    assert told(shell, "swarm", "list", "--store", "sqlite:///none.db")["swarms"] == []
