"""`skep run` and `skep plan` as a user meets them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell, files_into

PLAN = """
objective: Count the files and collect the notes
tasks:
  - {key: count, agent: cartographer}
  - {key: notes, agent: debt-collector}
  - {key: joined, agent: synthesizer, after: [count, notes], tolerant: true}
"""


def test_a_run_ends_with_a_report_and_artefacts(shell: Shell) -> None:
    """A run says how it went, where the report is and what to do next."""
    result = shell.skep("run", "Audit this repository")

    assert result.code == 0, result.err
    assert "Completed: 9 of 9 tasks" in result.out
    assert "offline model" in result.out
    (report,) = shell.folder.glob(".skep/swarms/*/report.md")
    assert "src/menu.py" in report.read_text()
    assert list(shell.folder.glob(".skep/swarms/*/artifacts/todos/findings/*.json"))
    assert (shell.folder / ".skep" / ".gitignore").read_text() == "*\n"


def test_plain_progress_has_two_lines_a_task(shell: Shell) -> None:
    """Without a terminal a task has one line when it begins and one when it ends."""
    result = shell.skep("run", "Collect TODO markers")

    lines = [line for line in result.out.splitlines() if "(debt-collector)" in line]
    assert len(lines) == 2
    assert "\x1b" not in result.out


def test_json_is_one_document_and_nothing_else(done: tuple[Shell, Any]) -> None:
    """With --json stdout holds the one document, with every field that scripts rely on."""
    _, document = done

    assert set(document) == {
        "swarm",
        "status",
        "reason",
        "objective",
        "model",
        "store",
        "durability",
        "workspace",
        "report",
        "purse",
        "elapsed_s",
        "agents_at_once",
        "tasks",
    }
    assert document["status"] == "completed"
    assert document["durability"] == "fsynced"
    assert set(document["tasks"][0]) == {
        "key",
        "agent",
        "status",
        "attempts",
        "failures",
        "reason",
        "artifacts",
    }
    assert Path(document["tasks"][0]["artifacts"][0]["path"]).is_file()
    assert Path(document["report"]).read_text().startswith("# ")


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_the_objective_comes_from_stdin(shell: Shell, arguments: tuple[str, ...]) -> None:
    """An objective can be piped in, with or without a dash."""
    result = shell.skep("plan", *arguments, "--json", stdin="Look for secrets\n")

    assert result.json["objective"] == "Look for secrets"


def test_no_objective_is_a_usage_error(shell: Shell) -> None:
    """With nothing said and nothing piped in, the error shows how to say it."""
    result = shell.skep("run")

    assert result.code == 2
    assert "No objective was given" in result.err
    assert "Audit this repository" in result.err


def test_a_plan_file_is_worked_on(shell: Shell) -> None:
    """A plan in YAML needs no objective besides its own, and its tasks are the swarm's."""
    files_into(shell.folder, {"plan.yaml": PLAN, "notes.txt": "mind the till"})

    result = shell.skep("run", "--plan", "plan.yaml", "--input", "notes.txt", "--json")

    assert result.code == 0, result.out
    assert result.json["objective"] == "Count the files and collect the notes"
    assert [task["key"] for task in result.json["tasks"]] == ["count", "notes", "joined"]


def test_a_plan_can_be_piped_from_plan_to_run(shell: Shell) -> None:
    """What `skep plan --json` writes is a plan that `skep run --plan -` reads."""
    planned = shell.skep("plan", "Collect TODO markers", "--json").out

    result = shell.skep("run", "--plan", "-", "--json", stdin=planned)

    assert [task["key"] for task in result.json["tasks"]] == ["todos", "synthesis"]


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ("tasks: [{key: a, agent: cartographer, after: [b]}]", "unknown_dependency"),
        ("tasks: [{key: a, agent: nobody}]", "agent_unknown"),
        ("tasks: [{key: a, agent: cartographer, afters: []}]", "plan_refused"),
        ("tasks: [{key: a, agent: mine, kind: function}]", "plan_refused"),
        ("tasks: [{key: a, agent: cartographer, capabilities: [levitation]}]", "plan_refused"),
        ("tasks: {", "plan_refused"),
        ("[]", "plan_refused"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(shell: Shell, plan: str, code: str) -> None:
    """A refused plan is a typed error with exit code 2, and no swarm is stored."""
    files_into(shell.folder, {"plan.yaml": plan})

    result = shell.skep("run", "--plan", "plan.yaml", "--json")

    assert result.code == 2
    assert result.json["error"]["code"] == code
    assert shell.skep("swarm", "list", "--json").json == {"swarms": []}


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("--model", "foo:bar"), "model_unknown", "provider:model"),
        (("--model", "anthropic:claude-sonnet-4-6"), "model_", "skep[anthropic]|ANTHROPIC_API_KEY"),
        (("--timeout", "soon"), "invalid_input", "10m"),
        (("--max-agents", "0"), "invalid_input", "--max-agents"),
        (("--workspace", "nowhere"), "invalid_input", "--workspace"),
        (("--out", "no/such/folder.md"), "invalid_input", ""),
        (("--store", "carrier-pigeon://x"), "invalid_input", "sqlite:///"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_begins(
    shell: Shell, arguments: tuple[str, ...], code: str, hint: str
) -> None:
    """Each bad value is a typed error with exit code 2 that says what to do."""
    result = shell.skep("run", "Audit this repository", *arguments, "--json")

    error = result.json["error"]
    assert result.code == 2
    assert error["code"].startswith(code)
    assert any(word in error["hint"] for word in hint.split("|"))


def test_an_objective_that_offline_does_not_serve_is_refused(shell: Shell) -> None:
    """The offline model says what it does serve rather than pretend."""
    result = shell.skep("run", "Cook a soup")

    assert result.code == 2
    assert "Audit this repository" in result.err


def test_a_key_is_no_wish_for_a_model(shell: Shell) -> None:
    """With a key and no model named, the offline model works, and says how to name one."""
    result = shell.skep("plan", "Audit this repository", ANTHROPIC_API_KEY="x")

    assert result.code == 0
    assert "no model was named" in result.out
    assert "--model anthropic:NAME" in result.out


def test_the_environment_names_model_and_store(shell: Shell) -> None:
    """SKEP_MODEL and SKEP_STORE are as good as the flags."""
    refused = shell.skep("run", "Audit this repository", SKEP_MODEL="foo:bar")
    stored = shell.skep("swarm", "list", "--json", SKEP_STORE="sqlite:///elsewhere.db")

    assert refused.code == 2
    assert "foo:bar" in refused.err
    assert stored.json == {"swarms": []}
    assert (shell.folder / "elsewhere.db").is_file()


def test_the_report_goes_where_it_is_wanted(shell: Shell) -> None:
    """--out names the report's file."""
    result = shell.skep("run", "Collect TODO markers", "--out", "report.md", "--json")

    assert result.json["report"] == "report.md"
    assert "src/menu.py" in (shell.folder / "report.md").read_text()


def test_an_empty_folder_is_told_of_truthfully(tmp_path: Path) -> None:
    """A run in an empty folder ends well, with a report that says there is nothing."""
    result = Shell(folder=tmp_path).skep("run", "Audit this repository", "--json")

    assert result.code == 0
    assert {task["status"] for task in result.json["tasks"]} == {"succeeded"}


def test_a_swarm_whose_time_is_over_is_cancelled(shell: Shell) -> None:
    """A run that did not complete in its time ends with 1 and the reason, without noise."""
    result = shell.skep("run", "Audit this repository", "--timeout", "0.001s", "--json")

    assert result.code == 1
    assert result.json["status"] == "cancelled"
    assert "time" in result.json["reason"]
    assert result.json["error"]["code"] == "swarm_not_completed"
    assert result.err == ""


def test_a_planted_link_is_not_followed(shell: Shell, tmp_path: Path) -> None:
    """A repository whose .skep leads elsewhere gets nothing written there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (shell.folder / ".skep").mkdir()
    (shell.folder / ".skep" / "swarms").symlink_to(outside)

    result = shell.skep("run", "Collect TODO markers", "--json")

    assert result.code == 1
    assert result.json["error"]["code"] == "unsafe_folder"
    assert list(outside.iterdir()) == []


def test_a_run_goes_on_when_nobody_reads_of_it(shell: Shell) -> None:
    """`skep run | head -n 1` completes, with the exit code of the swarm and without noise."""
    piped = subprocess.run(
        ["bash", "-c", '"$0" -m skep run Audit | head -n 1; exit ${PIPESTATUS[0]}', sys.executable],
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (piped.returncode, piped.stderr) == (0, "")
    assert shell.skep("swarm", "show", "last", "--json").json["status"] == "completed"


def test_a_reader_that_hangs_up_is_no_failure(done: tuple[Shell, Any]) -> None:
    """`skep ... | head` ends without a traceback."""
    shell, _ = done

    piped = subprocess.run(
        [
            "bash",
            "-c",
            "$0 -m skep swarm events last --json | head -n 1; exit ${PIPESTATUS[0]}",
            sys.executable,
        ],
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert piped.returncode == 0
    assert json.loads(piped.stdout)["seq"] == 1
    assert piped.stderr == ""


def test_a_detached_run_wants_its_model_named(shell: Shell) -> None:
    """Who leaves the work to others says which model they are to use; a setting will do."""
    refused = shell.skep("run", "Audit this repository", "--detach", "--json")
    taken = shell.skep("run", "Audit this repository", "--detach", "--json", SKEP_MODEL="offline")

    assert refused.code == 2
    assert refused.json["error"]["code"] == "model_not_configured"
    assert (taken.code, taken.json["queues"]) == (0, ["default"])
    assert "skep work --queues default" in shell.skep("swarm", "show", "last").out


@pytest.mark.parametrize(
    "words",
    [
        ("run", "x", "--detach", "--model", "offline", "--out", "report.md"),
        ("run", "x", "--detach", "--model", "offline", "--store", "memory:"),
        ("run", "x", "--detach", "--model", "offline", "--queue", "a,b"),
        ("run", "Audit", "--queue", "a"),
        ("work", "--store", "memory:"),
        ("work", "--slots", "0"),
        ("work", "--queues", ","),
        ("work", "--identity", "a/b"),
        ("work", "--import", "no_such_module"),
    ],
)
def test_what_makes_no_sense_for_workers_is_refused(shell: Shell, words: tuple[str, ...]) -> None:
    """Each ends with 2 and a reason before anything is stored or begun."""
    refused = shell.skep(*words, "--json")

    assert refused.code == 2
    assert refused.json["error"]["code"] == "invalid_input"
