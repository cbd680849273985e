"""`skep swarm ...` and `skep agents ...`: looking at what there is."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell, files_into

Done = tuple[Shell, Any]


def test_list_shows_swarms(done: Done) -> None:
    """A swarm is listed with its status, and --json gives the whole id."""
    shell, document = done

    assert "completed" in shell.skep("swarm", "list").out
    (listed,) = shell.skep("swarm", "list", "--json").json["swarms"]
    assert listed["swarm"] == document["swarm"]
    assert shell.skep("swarm", "list", "--status", "failed", "--json").json == {"swarms": []}


def test_show_tells_how_a_swarm_stands_and_what_is_next(done: Done) -> None:
    """Show has the objective, the tasks, the report and the next command."""
    shell, document = done

    shown = shell.skep("swarm", "show", "last").out

    assert document["swarm"] in shown
    assert "9 succeeded" in shown
    assert "report.md" in shown
    assert "Next" in shown


def test_a_swarm_is_named_by_a_part_of_its_id(done: Done) -> None:
    """Beginning, end and `last` are all names of it; too short or unknown ones are not."""
    shell, document = done
    swarm = document["swarm"]

    found = {
        shell.skep("swarm", "tasks", name, "--json").json["swarm"]
        for name in (swarm, swarm[:6], swarm[-5:], "last")
    }

    assert found == {swarm}
    assert shell.skep("swarm", "show", swarm[:3]).code == 2
    assert shell.skep("swarm", "show", "zzzzzz", "--json").json["error"]["code"] == (
        "swarm_not_found"
    )


def test_tasks_stand_in_the_order_of_the_plan(done: Done) -> None:
    """Tasks lists every task with its status, the joining one last."""
    shell, _ = done

    tasks = shell.skep("swarm", "tasks", "last", "--json").json["tasks"]

    assert len(tasks) == 9
    assert tasks[-1]["key"] == "synthesis"


def test_events_are_dense_json_lines(done: Done) -> None:
    """Each line of events is a document, numbered from 1 without a gap."""
    shell, _ = done

    lines = shell.skep("swarm", "events", "last", "--json").out.splitlines()
    events = [json.loads(line) for line in lines]

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["kind"] == "swarm.submitted"
    assert events[-1]["kind"] == "swarm.completed"


def test_following_an_ended_swarm_ends(done: Done) -> None:
    """--follow and watch end with the swarm."""
    shell, _ = done

    followed = shell.skep("swarm", "events", "last", "--follow")
    watched = shell.skep("swarm", "watch", "last")

    assert "swarm.completed" in followed.out
    assert watched.code == 0


def test_the_journal_lists_the_calls_of_a_task(done: Done) -> None:
    """Each step has its key, effect, state, count of calls and size."""
    shell, _ = done

    steps = shell.skep("swarm", "journal", "last", "todos", "--json").json["steps"]

    assert {step["task"] for step in steps} == {"todos"}
    assert {step["state"] for step in steps} == {"recorded"}
    assert {step["calls"] for step in steps} == {1}
    assert shell.skep("swarm", "journal", "last", "nothing").code == 1


def test_artefacts_are_listed_printed_and_written(done: Done, tmp_path: Path) -> None:
    """An artefact comes out byte for byte, by its name or by its task and name."""
    shell, document = done
    listed = shell.skep("swarm", "artifacts", "last", "--json").json["artifacts"]

    printed = shell.skep("swarm", "artifacts", "last", "todos/findings/todos.json")
    written = shell.skep("swarm", "artifacts", "last", "--out", str(tmp_path), "--json")

    assert {"todos"} <= {artifact["task"] for artifact in listed}
    assert json.loads(printed.out)
    assert len(written.json["written"]) == len(listed)
    assert (tmp_path / "todos" / "findings" / "todos.json").read_text() == printed.out
    assert shell.skep("swarm", "artifacts", "last", "nothing").code == 1
    assert document["status"] == "completed"


def test_retry_opens_the_next_run(shell: Shell) -> None:
    """A task is done again with all that follows it, and nothing else is."""
    shell.skep("run", "Look for secrets and TODO markers")

    retried = shell.skep("swarm", "retry", "last", "--task", "todos", "--json")
    tasks = shell.skep("swarm", "tasks", "last", "--json").json["tasks"]

    assert retried.code == 0, retried.out
    assert {task["key"]: task["run"] for task in tasks} == {
        "secrets": 1,
        "todos": 2,
        "synthesis": 2,
    }


def test_what_has_ended_is_not_cancelled(done: Done) -> None:
    """Cancelling a completed swarm is refused as an illegal move."""
    shell, _ = done

    refused = shell.skep("swarm", "cancel", "last", "--json")

    assert refused.code == 1
    assert refused.json["error"]["code"] == "illegal_move"


def test_resuming_what_has_completed_gives_its_report_again(done: Done) -> None:
    """A run killed after its last task but before its report loses nothing by it."""
    shell, document = done
    report = Path(document["report"])
    text = report.read_text()
    report.unlink()

    again = shell.skep("resume", "last", "--json")

    assert again.code == 0
    assert report.read_text() == text


def test_agents_are_listed_with_the_projects_own(shell: Shell) -> None:
    """A project's own agent is listed, and its unknown field warned of on stderr."""
    role = "---\nname: mine\ndescription: Mine.\nsize: 3\n---\nDo it.\n"
    files_into(shell.folder, {".skep/agents/mine.md": role})

    listed = shell.skep("agents", "list", "--json")
    shown = shell.skep("agents", "show", "cartographer")

    names = [agent["name"] for agent in listed.json["agents"]]
    assert {"mine", "cartographer"} <= set(names)
    assert "'size'" in listed.err
    assert "inventory" in shown.out
    assert shell.skep("agents", "show", "nobody").code == 2


@pytest.mark.parametrize("name", ["last", "0000aaaa"])
def test_where_there_is_no_swarm_none_is_shown(tmp_path: Path, name: str) -> None:
    """An empty store has no newest swarm, and says where to look."""
    missing = Shell(folder=tmp_path).skep("swarm", "show", name)

    assert missing.code == 1
    assert "skep swarm list" in missing.err


def test_a_run_at_its_budget_can_be_finished(shell: Shell) -> None:
    """It ends with exit code 3 and says what to decide; finished, its last task runs."""
    stopped = shell.skep("run", "Audit this repository", "--budget-requests", "9", "--json")

    assert stopped.code == 3, stopped.err
    document = json.loads(stopped.out)
    assert document["error"]["code"] == "purse_empty"
    assert document["purse"]["spent"]["requests"] == 8
    assert "--finish" in document["error"]["hint"]
    assert "8 of 9 requests" in shell.skep("swarm", "show", "last").out

    finished = shell.skep("swarm", "budget", "last", "--finish")
    resumed = shell.skep("resume", "last")

    assert finished.code == 0, finished.err
    assert resumed.code == 0, resumed.out + resumed.err
    by_task = json.loads(shell.skep("cost", "last", "--json").out)["by_task"]
    assert by_task["synthesis"]["requests"] == 1


def test_a_raised_budget_is_worked_off(shell: Shell) -> None:
    """With enough for all of them every task runs to its end."""
    assert shell.skep("run", "Collect TODO markers", "--budget-requests", "1").code == 3

    raised = shell.skep("swarm", "budget", "last", "--requests", "100")

    assert "raised" in raised.out, raised.err
    assert shell.skep("resume", "last").code == 0


def test_a_stopped_swarm_has_ended_at_its_budget(shell: Shell) -> None:
    """Stopping cancels it; asking for two things at once is refused."""
    shell.skep("run", "Collect TODO markers", "--budget-requests", "1")
    both = shell.skep("swarm", "budget", "last", "--stop", "--finish")

    stopped = shell.skep("swarm", "budget", "last", "--stop", "--json")

    assert both.code == 2
    assert json.loads(stopped.out)["status"] == "cancelled"


def test_dollars_need_a_price(shell: Shell) -> None:
    """A model whose price nobody knows is refused under a budget in dollars, with a way out."""
    asked = ("run", "Collect TODO markers", "--model", "openai:nobody-knows", "--detach")
    key = {"OPENAI_API_KEY": "x"}

    refused = shell.skep(*asked, **key)

    assert refused.code != 0
    assert "--budget-usd none" in refused.err
    assert shell.skep(*asked, "--budget-usd", "none", **key).code == 0
    told = {**key, "SKEP_PRICES": "openai:nobody-knows=3/15"}
    assert shell.skep(*asked, **told).code == 0
