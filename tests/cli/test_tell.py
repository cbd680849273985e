"""`skep tell`: what it keeps, whom it says will hear it, and what it refuses."""

import pytest
from tests.cli.shell import Shell

from skep.cli.tell import who_hears
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.swarm import Swarm, SwarmRequest, SwarmStatus
from skep.records.task import AgentKind, Task, TaskSpec, TaskStatus


@pytest.fixture
def waiting(shell: Shell) -> Shell:
    """A shell where a swarm waits for a worker."""
    begun = shell.skep("run", "Collect TODO markers", "--detach", "--model", "offline")
    assert begun.code == 0, begun.err
    return shell


def test_a_message_is_kept_and_shown(waiting: Shell) -> None:
    """It is told with its author, and show, the log and the document have it."""
    told = waiting.skep("tell", "last", "Leave out\nthe tests", LOGNAME="ann")
    document = waiting.skep(
        "tell", "last", "Hurry", "--task", "todos", "--by", "bob", "--json"
    ).json

    shown = waiting.skep("swarm", "show", "last").out
    assert told.out.startswith("Told. No task is running now; the next to start will see it.")
    assert "offline model makes nothing of it" in told.out
    assert document["told"]["number"] == 2
    assert document["told"]["task"] == "todos"
    assert (document["status"], document["running"]) == ("active", [])
    assert "ann to all: Leave out the tests" in shown
    assert "bob to todos: Hurry" in shown
    assert [
        each["text"] for each in waiting.skep("swarm", "show", "last", "--json").json["told"]
    ] == ["Leave out\nthe tests", "Hurry"]
    assert waiting.skep("swarm", "events", "last").out.count("swarm.told") == 2


def test_a_paused_swarm_keeps_it(waiting: Shell) -> None:
    """The answer says how the swarm goes on."""
    waiting.skep("swarm", "pause", "last")

    told = waiting.skep("tell", "last", "Hurry")

    assert (told.code, "skep swarm resume" in told.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        ((" ",), 2, "invalid_input"),
        (("x" * 5000,), 2, "limit_exceeded"),
        (("Hurry", "--task", "nothing"), 1, "task_not_found"),
    ],
)
def test_what_nobody_can_hear_is_refused(
    waiting: Shell, arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    """Nothing said, too much said, and nobody of that name: each by its own code."""
    refused = waiting.skep("tell", "last", *arguments, "--json")

    assert (refused.code, refused.json["error"]["code"]) == (exit_code, code)


def test_an_ended_swarm_is_told_nothing(waiting: Shell) -> None:
    """The refusal says what to do."""
    waiting.skep("swarm", "cancel", "last")

    refused = waiting.skep("tell", "last", "Hurry", "--json")

    assert refused.json["error"]["code"] == "swarm_closed"
    assert "skep swarm retry" in refused.json["error"]["hint"]


@pytest.mark.parametrize(
    ("statuses", "kind", "words"),
    [
        ([TaskStatus.RUNNING], AgentKind.LLM, "the next turn of 1 running task;"),
        ([TaskStatus.RUNNING] * 2, AgentKind.LLM, "the next turn of 2 running tasks;"),
        ([TaskStatus.SUCCEEDED, TaskStatus.READY], AgentKind.LLM, "the next to start will see it"),
        ([TaskStatus.SUCCEEDED], AgentKind.LLM, "No task is left to see it"),
        ([TaskStatus.RUNNING], AgentKind.FUNCTION, "when it asks what it was told"),
    ],
)
def test_it_says_honestly_who_will_hear(
    statuses: list[TaskStatus], kind: AgentKind, words: str
) -> None:
    """Running, yet to run, all done, or a function: never more than is known."""
    tasks = [_task(f"t{place}", status, kind) for place, status in enumerate(statuses)]

    assert words in who_hears(_swarm(model="ollama:qwen3"), tasks)


def _swarm(model: str) -> Swarm:
    return Swarm(
        id=SwarmId("s"),
        request=SwarmRequest(objective="Count", model=model),
        status=SwarmStatus.ACTIVE,
        sealed=True,
        counts={},
        last_seq=1,
        created_at=0.0,
    )


def _task(key: str, status: TaskStatus, kind: AgentKind) -> Task:
    return Task(
        ref=TaskRef(swarm=SwarmId("s"), key=TaskKey(key)),
        ordinal=0,
        spec=TaskSpec(key=TaskKey(key), agent="bee", kind=kind),
        status=status,
        unmet=0,
        is_last=True,
        run=1,
        attempt=1,
        failures=0,
        outcome=None,
        reason="",
        awaits=(),
        worker=None,
        lease_until=None,
        hard_until=None,
        wake_at=None,
        started_at=None,
        ended_at=None,
    )
