"""A run that is interrupted or killed, and how it goes on."""

import fcntl
import json
import re
import signal
from pathlib import Path

import pytest
from tests.cli.shell import Begun, Shell

RUN = ("run", "Audit this repository", "--max-agents", "1")
LONG = ("run", "--plan", "plan.json", "--max-agents", "1")


def test_an_interrupted_run_says_how_to_go_on_and_ends_with_130(long: Shell) -> None:
    """The first Ctrl-C hands back what runs, marks the swarm and names the next command."""
    run = interrupted(long, signal.SIGINT, LONG)

    code, out = run.end()

    assert code == 130
    swarm = go_on_with(out)
    shown = long.skep("swarm", "show", swarm, "--json").json
    assert shown["status"] == "interrupted"
    assert "running" not in shown["counts"]


def test_a_resumed_run_reports_what_an_uninterrupted_one_does(large: Shell) -> None:
    """Whether a swarm was interrupted or not cannot be told from its report."""
    whole = large.skep(*RUN, "--json").json
    run = interrupted(large, signal.SIGINT)
    swarm = go_on_with(run.end()[1])

    resumed = large.skep("resume", swarm, "--json").json

    assert resumed["status"] == "completed"
    assert report_of(resumed) == report_of(whole)


def test_termination_is_like_an_interruption(long: Shell) -> None:
    """SIGTERM, which service managers send, stops a run as Ctrl-C does."""
    code, out = interrupted(long, signal.SIGTERM, LONG).end()

    assert code == 130
    assert "Go on with: skep resume" in out


def test_the_second_interruption_leaves_at_once(long: Shell) -> None:
    """Ctrl-C twice ends the process with 130, and leaves a swarm that can be resumed."""
    run = interrupted(long, signal.SIGINT, LONG)
    run.until("Ctrl-C again leaves at once")
    run.send(signal.SIGINT)

    code, _ = run.end()

    assert code == 130
    assert "skep resume" in long.skep("swarm", "show", "last").out


def test_a_killed_run_goes_on_where_it_was(large: Shell) -> None:
    """After kill -9 the swarm is still active: show says it was left, resume completes it."""
    run = interrupted(large, signal.SIGKILL)
    run.end()

    left = large.skep("swarm", "show", "last")
    resumed = large.skep("swarm", "resume", "last", "--json")

    assert "It was left" in left.out
    assert "skep resume" in left.out
    assert resumed.code == 0
    assert [task["status"] for task in resumed.json["tasks"]] == ["succeeded"] * 9


def test_a_swarm_that_another_process_works_on_is_not_touched(long: Shell) -> None:
    """Resuming what a live process runs is refused with the reason."""
    run = interrupted(long, signal.SIGKILL, LONG)
    run.end()
    (lock,) = (long.folder / ".skep" / "skep.db.locks").glob("run.*.lock")

    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = long.skep("resume", "last", "--json")

    assert refused.code == 1
    assert refused.json["error"]["code"] == "identity_in_use"


def test_interruption_is_one_document_with_json(long: Shell) -> None:
    """With --json an interrupted run still ends with its one document, which says what to do."""
    run = long.begin(*LONG, "--json")
    wait_for_a_task(long)
    run.send(signal.SIGINT)

    code, out = run.end()

    assert code == 130
    document = json.loads(out)
    assert document["status"] == "interrupted"
    assert document["report"] is None
    assert "skep resume" in document["error"]["hint"]


def interrupted(shell: Shell, which: signal.Signals, command: tuple[str, ...] = RUN) -> Begun:
    """Begin a run and send it a signal when its first task is done and others are left."""
    run = shell.begin(*command)
    run.until("done in")
    run.send(which)
    return run


def wait_for_a_task(shell: Shell) -> None:
    """Wait until the run in the background is at work, as its events tell."""
    while not (shell.folder / ".skep" / "skep.db.locks").is_dir():
        shell.skep("swarm", "list")
    watch = shell.begin("swarm", "events", "last", "--follow")
    watch.until("task.succeeded")
    watch.send(signal.SIGKILL)
    watch.end()


def go_on_with(out: str) -> str:
    """Read the id from the line that says how to go on."""
    match = re.search(r"Interrupted\. Go on with: skep resume (\S+)", out)
    if match is None:
        pytest.fail(out)
    return match[1]


def report_of(document: dict[str, str]) -> str:
    """Read a report, with the swarm's own id left out."""
    return Path(document["report"]).read_text().replace(document["swarm"], "ID")
