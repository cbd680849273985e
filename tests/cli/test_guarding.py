"""Guarded tools on the command line: a run waits for an answer from another terminal."""

from signal import SIGKILL

import pytest
from tests.cli.shell import Shell, files_into

ROLE = """---
name: critic
description: Reads the menu.
tools: [todos, inventory]
approve: [todos]
---

You say what the menu lacks.
"""
PLAN = '{"tasks": [{"key": "menu", "agent": "critic"}]}'

pytestmark = pytest.mark.slow


@pytest.fixture
def guarded(shell: Shell, shared_store: str) -> Shell:
    """A shell with a role that may look for TODOs only when somebody agrees."""
    files_into(shell.folder, {".skep/agents/critic.md": ROLE, "plan.json": PLAN})
    return Shell(folder=shell.folder, environment={"SKEP_STORE": shared_store})


@pytest.mark.parametrize(("verdict", "said"), [("approve", "more drinks"), ("deny", "by noon")])
def test_a_run_waits_for_the_answer_and_goes_on(guarded: Shell, verdict: str, said: str) -> None:
    """It names the command that answers; what was agreed to is done, and what was not is told."""
    run = guarded.begin("run", "--plan", "plan.json", "--out", "report.md")
    line = run.until("Answer it:")
    [asked] = guarded.skep("approvals", "list", "--json").json["approvals"]

    answered = guarded.skep("approvals", verdict, asked["id"], "--by", "ann", "--reason", "by noon")
    code, out = run.end()

    assert f"skep approvals approve {asked['id'][:8]}" in line
    assert asked["question"] == "Let critic call todos(limit=200)?"
    assert asked["detail"]["tool"] == "todos"
    assert asked["expires_at"] is not None
    assert answered.code == 0, answered.err
    assert code == 0, out
    assert said in (guarded.folder / "report.md").read_text()
    steps = guarded.skep("swarm", "journal", "last", "--json").json["steps"]
    made = "turn/1/tool/0:todos" in {step["key"] for step in steps}
    assert made == (verdict == "approve")


def test_a_kill_between_the_answer_and_the_call_asks_once(guarded: Shell) -> None:
    """The decision outlives the run that asked: whoever resumes it makes the call."""
    run = guarded.begin("run", "--plan", "plan.json")
    run.until("Answer it:")
    run.send(SIGKILL)
    run.end()
    [asked] = guarded.skep("approvals", "list", "--json").json["approvals"]
    answered = guarded.skep("approvals", "approve", asked["id"], "--by", "ann")

    done = guarded.skep("resume", "last", "--out", "report.md", "--json")

    assert "skep resume" in answered.out
    assert done.code == 0, done.err
    assert "more drinks" in (guarded.folder / "report.md").read_text()
    assert guarded.skep("approvals", "list", "--json").json["approvals"] == []
    assert len(guarded.skep("approvals", "list", "--all", "--json").json["approvals"]) == 1


def test_a_setting_guards_a_tool_of_every_role(guarded: Shell) -> None:
    """SKEP_APPROVE names tools; one that is none is refused before anything runs."""
    plan = '{"tasks": [{"key": "count", "agent": "cartographer"}]}'
    files_into(guarded.folder, {"count.json": plan})
    environment = {**guarded.environment, "SKEP_APPROVE": "inventory"}
    shell = Shell(folder=guarded.folder, environment=environment)

    refused = guarded.skep("run", "--plan", "count.json", "--json", SKEP_APPROVE="inventroy")
    run = shell.begin("run", "--plan", "count.json")
    run.until("Answer it:")
    [asked] = guarded.skep("approvals", "list", "--json").json["approvals"]
    guarded.skep("approvals", "approve", asked["id"], "--by", "ann")

    assert run.end()[0] == 0
    assert asked["detail"]["tool"] == "inventory"
    assert (refused.code, refused.json["error"]["code"]) == (2, "invalid_input")
