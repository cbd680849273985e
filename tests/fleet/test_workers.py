"""Workers in processes of their own: they share work, hand it on, and take it over."""

import json
import os
import signal
from collections import Counter

import pytest
from tests.fleet.depot import Depot, killed, told_to_stop

pytestmark = pytest.mark.slow

AUDIT = ("Audit this repository", "--model", "offline")


def test_two_workers_share_a_detached_audit(depot: Depot) -> None:
    """Both get tasks, each task runs once, and the watcher's command ends with the swarm."""
    depot.worker("--identity", "one")
    depot.worker("--identity", "two")

    swarm = depot.detached(*AUDIT)
    depot.watched(swarm)

    claims = depot.events(swarm, "task.claimed")
    assert {claim["data"]["worker"] for claim in claims} == {"one", "two"}
    assert Counter(claim["task"] for claim in claims).total() == 9
    done = Counter(event["task"] for event in depot.events(swarm, "task.succeeded"))
    assert (len(done), done.total()) == (9, 9)


def test_a_worker_told_to_stop_hands_back_and_another_finishes(depot: Depot) -> None:
    """SIGTERM gives back what runs, without a failure, and ends with 0 and the count."""
    first = depot.worker("--identity", "first")
    swarm = depot.submit("hang")
    first.until("begins")

    code, out = told_to_stop(first)
    depot.worker("--identity", "second")
    depot.watched(swarm)

    assert (code, "handed back 1 tasks" in out) == (0, True), out
    assert depot.claimants(swarm) == ["first", "second"]
    assert len(depot.events(swarm, "task.handed_back")) == 1
    assert depot.events(swarm, "task.lost") == []


def test_a_worker_killed_and_restarted_takes_its_work_back_at_once(depot: Depot) -> None:
    """Under its identity a worker need not wait for its own lease, which here is a minute."""
    worker = depot.worker("--identity", "steady", "--lease", "60")
    swarm = depot.submit("hang")
    worker.until("begins")
    killed(worker)

    depot.worker("--identity", "steady", "--lease", "60")
    depot.watched(swarm)

    first, second = depot.events(swarm, "task.claimed")
    assert depot.claimants(swarm) == ["steady", "steady"]
    assert second["at"] - first["at"] < 30


def test_another_worker_takes_over_when_the_lease_of_a_dead_one_ends(depot: Depot) -> None:
    """Work of a worker that never comes back is lost to it with its lease, and done elsewhere."""
    first = depot.worker("--identity", "first", "--lease", "1")
    swarm = depot.submit("hang")
    first.until("begins")
    depot.worker("--identity", "second", "--lease", "1")

    killed(first)
    depot.watched(swarm)

    assert depot.claimants(swarm) == ["first", "second"]
    assert len(depot.events(swarm, "task.lost")) == 1


def test_an_identity_is_held_by_one_live_process(depot: Depot) -> None:
    """A second worker of the same name leaves with the reason; the first stays."""
    first = depot.worker("--identity", "only")

    refused = depot.shell.skep("work", "--identity", "only", "--json")

    assert refused.code == 1
    assert json.loads(refused.out)["error"]["code"] == "identity_in_use"
    assert told_to_stop(first)[0] == 0


def test_a_worker_may_finish_what_runs(on_redis: Depot) -> None:
    """With --finish a worker told to stop waits for its task, and hands nothing back."""
    gate = on_redis.shell.folder / "gate"
    os.mkfifo(gate)
    worker = on_redis.worker("--finish", "50")
    swarm = on_redis.submit("gated", "quick")
    worker.until("begins")

    worker.send(signal.SIGTERM)
    worker.until("Stopping, 1 tasks running")
    gate.write_text("open")
    code, out = worker.end()

    assert (code, "handed back 0 tasks" in out) == (0, True), out
    assert [event["task"] for event in on_redis.events(swarm, "task.succeeded")] == ["gated-0"]


def test_the_second_signal_leaves_at_once(on_redis: Depot) -> None:
    """A worker that waits for its task leaves with 130 when it is told to a second time."""
    os.mkfifo(on_redis.shell.folder / "gate")
    worker = on_redis.worker("--finish", "50")
    on_redis.submit("gated")
    worker.until("begins")
    worker.send(signal.SIGTERM)
    worker.until("Stopping")

    assert told_to_stop(worker)[0] == 130


def test_a_waiting_worker_is_woken(on_redis: Depot) -> None:
    """A task of an idle fleet begins long before anybody would have looked by chance."""
    worker = on_redis.worker()
    swarms: list[str] = []
    for _ in range(3):
        swarms.append(on_redis.submit("quick"))
        worker.until("done in")

    waits = sorted(wait_of(on_redis, swarm) for swarm in swarms)

    assert waits[1] < 0.1, waits


def test_a_paused_swarm_goes_on_with_the_workers(on_redis: Depot) -> None:
    """Nothing of a paused swarm is taken; resume only steers, and the workers do the rest."""
    swarm = on_redis.submit("quick")
    paused = on_redis.shell.skep("swarm", "pause", swarm, "--json")
    worker = on_redis.worker()
    on_redis.submit("quick")
    worker.until("done in")

    assert paused.json["status"] == "paused"
    assert on_redis.events(swarm, "task.claimed") == []
    resumed = on_redis.shell.skep("swarm", "resume", swarm)
    on_redis.watched(swarm)

    assert f"the workers of {on_redis.queue} go on with it" in resumed.out


def test_a_worker_tells_its_work_in_json_lines(on_redis: Depot) -> None:
    """With --json each line is a document: ready, begun, ended, stopping, stopped."""
    worker = on_redis.shell.begin("work", "--queues", on_redis.queue, "--import", "hands", "--json")
    on_redis.workers.append(worker)
    worker.until('"ready"')
    on_redis.submit("quick")
    worker.until('"task.ended"')

    _, out = told_to_stop(worker)

    told = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in told] == [
        "ready", "task.begun", "task.ended", "stopping", "stopped",
    ]  # fmt: skip
    assert told[0]["agents"] == ["gated", "hang", "payer", "quick", "torn"]
    assert told[2]["outcome"] == "succeeded"


def wait_of(depot: Depot, swarm: str) -> float:
    """How long the first task of a swarm stood in its queue."""
    (released,) = depot.events(swarm, "task.released")
    (claimed,) = depot.events(swarm, "task.claimed")
    return claimed["at"] - released["at"]
