"""Approvals between processes: one asks, another answers, and no death loses either."""

import pytest
from tests.fleet.depot import Depot, killed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("command", "said"),
    [("approve", "approved|ann|so be it|True"), ("deny", "denied|ann|so be it|False")],
)
def test_an_answer_from_another_process_wakes_a_task(depot: Depot, command: str, said: str) -> None:
    """A worker of one slot does other work meanwhile; whoever watches is told what to do."""
    depot.worker()
    swarm = depot.submit("payer")
    watching = depot.shell.begin("swarm", "watch", swarm)
    depot.workers.append(watching)
    line = watching.until("Answer it:")
    asked = depot.asked(swarm)
    assert f"skep approvals approve {asked['id'][:8]}" in line
    assert (
        f"skep approvals approve {asked['id'][:8]}" in depot.shell.skep("swarm", "show", swarm).out
    )
    depot.watched(depot.submit("quick"))

    answer = (asked["id"][:6], "--by", "ann", "--reason", "so be it")
    done = depot.shell.skep("approvals", command, *answer)

    assert (done.code, "Pay 250?" in done.out) == (0, True), done.err
    assert watching.end()[0] == 0
    assert depot.said(swarm) == said


def test_a_kill_between_question_and_settlement_asks_once(depot: Depot) -> None:
    """The takeover finds the question, and the decision that was made while nobody held it."""
    first = depot.worker("--identity", "one", "--lease", "60")
    swarm = depot.submit("torn")
    depot.until(swarm, "approval.asked")
    killed(first)
    assert depot.shell.skep("approvals", "approve", depot.asked(swarm)["id"]).code == 0

    depot.worker("--identity", "one")
    depot.watched(swarm)

    kinds = [event["kind"] for event in depot.events(swarm)]
    assert (kinds.count("approval.asked"), kinds.count("approval.decided")) == (1, 1)
    assert kinds.count("task.claimed") == 2
    assert depot.said(swarm) == "approved"


def test_a_question_runs_out(depot: Depot) -> None:
    """Any worker's sweep decides that nobody answered, and the agent goes on without."""
    depot.worker()

    swarm = depot.submit("payer", expires_s=0.1)
    depot.watched(swarm)

    assert depot.said(swarm) == "expired|||False"
    late = depot.shell.skep("approvals", "approve", depot.asked(swarm, "--all")["id"], "--json")
    assert (late.code, late.json["error"]["code"]) == (1, "already_decided")
