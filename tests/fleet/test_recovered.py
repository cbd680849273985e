"""A host of ten swarms is killed: each is recovered by hand, from what is left of it."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import apsw
import pytest
import redis
from tests.cli.shell import Begun
from tests.fleet.depot import Depot, killed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SWARMS: Final = 10
BEFORE: Final = SWARMS - 1
"""The swarm whose only checkpoint is from before its first task was done."""

PLAN: Final = (
    ("first", "quick", ()),
    ("second", "hang", ("first",)),
    ("last", "quick", ("second",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vandal:
    """Deletes records in a store, past all ports."""

    url: str

    def lose_tasks(self, swarm: str) -> None:
        """Delete the task records of a swarm with its ready entries."""
        if self.url.startswith("sqlite"):
            self._sql("DELETE FROM task WHERE swarm = (SELECT n FROM swarm WHERE id = ?)", swarm)
            return
        self._delete(f"swarm:{swarm}:t:*", f"swarm:{swarm}:ready:*", f"swarm:{swarm}:tasks")

    def lose_captures(self, swarm: str, kind: str, *, but: int = 0) -> None:
        """Delete the captures of a kind, except for one."""
        if self.url.startswith("sqlite"):
            where = "swarm = (SELECT n FROM swarm WHERE id = ?) AND kind = ? AND number <> ?"
            self._sql(f"DELETE FROM capture WHERE {where}", swarm, kind, but)
            return
        server = self._server()
        for name in server.zrange(f"swarm:captures:{swarm}", 0, -1):
            found, _, number = name.decode().partition("/")
            if found == kind and int(number) != but:
                server.delete(f"swarm:{kind}:{swarm}:{number}")
                server.zrem(f"swarm:captures:{swarm}", name)

    def _sql(self, statement: str, *values: str | int) -> None:
        db: Any = apsw.Connection(str(Path(self.url.removeprefix("sqlite:///"))))
        db.execute(statement, values).fetchall()
        db.close()

    def _delete(self, *patterns: str) -> None:
        server = self._server()
        for pattern in patterns:
            for key in server.keys(pattern):
                server.delete(key)

    def _server(self) -> Any:  # noqa: ANN401 - redis-py is typed in part only
        return cast("Any", redis.Redis).from_url(self.url)


def handed_in(depot: Depot) -> str:
    """Hand in a swarm of three tasks, each after the one before."""
    tasks = [
        {"key": key, "agent": agent, "kind": "function", "after": list(after)}
        for key, agent, after in PLAN
    ]
    plan = depot.shell.folder / "chain.json"
    plan.write_text(json.dumps({"objective": "Lend a hand", "tasks": tasks}))
    return depot.detached("--plan", "chain.json")


def told(depot: Depot, *arguments: str) -> dict[str, Any]:
    """Run a command that must succeed; gives its document."""
    done = depot.shell.skep(*arguments, "--json")
    assert done.code == 0, done.err + done.out
    document: dict[str, Any] = done.json
    return document


def host(depot: Depot, identity: str) -> Begun:
    """Start a worker with a place for each swarm."""
    asked = ("--queues", depot.queue, "--import", "hands", "--slots", "16", "--lease", "1")
    worker = depot.shell.begin("work", "--identity", identity, *asked)
    depot.workers.append(worker)
    worker.until("Ready: ")
    return worker


def hanging(depot: Depot, swarms: list[str]) -> None:
    """Have a worker take all swarms to their second task, which hangs there, and kill it."""
    worker = host(depot, "host")
    for _ in swarms:
        worker.until("second (hang)")
    for place, swarm in enumerate(swarms[:BEFORE]):
        if place >= 3:
            told(depot, "swarm", "snapshot", swarm, *(["--checkpoint"] if place < 6 else []))
    told(depot, "swarm", "snapshot", swarms[BEFORE], "--label", "too late")
    killed(worker)


def test_ten_swarms_of_a_killed_host_are_recovered_in_three_ways(depot: Depot) -> None:
    """From their state, from a checkpoint, from a snapshot: all end well, and losses are named."""
    vandal = Vandal(url=depot.shell.environment["SKEP_STORE"])
    swarms = [handed_in(depot) for _ in range(SWARMS)]
    early = told(depot, "swarm", "snapshot", swarms[BEFORE], "--checkpoint")
    hanging(depot, swarms)
    for place, swarm in enumerate(swarms[3:], start=3):
        vandal.lose_tasks(swarm)
        if place >= 6 and place != BEFORE:
            vandal.lose_captures(swarm, "checkpoint")
    vandal.lose_captures(swarms[BEFORE], "checkpoint", but=early["number"])
    vandal.lose_captures(swarms[BEFORE], "snapshot")

    recovered = [told(depot, "swarm", "recover", swarm) for swarm in swarms]

    sources = [each["source"] for each in recovered]
    assert sources == ["state"] * 3 + ["checkpoint"] * 3 + ["snapshot"] * 3 + ["checkpoint"]
    assert [each["redone"] for each in recovered[:BEFORE]] == [[]] * BEFORE
    assert [each["task"] for each in recovered[BEFORE]["redone"]] == ["first"]
    assert all(len(each["facts"]) == 3 for each in recovered)
    assert recovered[0]["confidence"] == 0.95 > recovered[BEFORE]["confidence"] >= 0.5
    host(depot, "second")
    for swarm in swarms:
        depot.watched(swarm)
        times = Counter(event["task"] for event in depot.events(swarm, "task.claimed"))
        again = 2 if swarm == swarms[BEFORE] else 1
        assert times == {"first": again, "second": 2, "last": 1}


def test_a_recovery_that_finds_nothing_changes_nothing(depot: Depot) -> None:
    """Without any capture the refusal is typed, and says what is left to do."""
    swarm = handed_in(depot)
    Vandal(url=depot.shell.environment["SKEP_STORE"]).lose_tasks(swarm)

    refused = depot.shell.skep("swarm", "recover", swarm, "--json")

    assert refused.code == 1
    assert json.loads(refused.out)["error"]["code"] == "nothing_to_recover"


def test_the_keys_of_the_seed_are_there(on_redis: Depot) -> None:
    """A state, a checkpoint, a snapshot and the totals stand under the names of the seed."""
    swarm = handed_in(on_redis)
    told(on_redis, "swarm", "snapshot", swarm)
    told(on_redis, "swarm", "snapshot", swarm, "--checkpoint")

    server = cast("Any", redis.Redis).from_url(on_redis.shell.environment["SKEP_STORE"])
    names = {key.decode() for key in server.keys("swarm:*")}
    assert names >= {
        f"swarm:state:{swarm}",
        f"swarm:snapshot:{swarm}:1",
        f"swarm:checkpoint:{swarm}:1",
        "swarm:state:manager:stats",
    }
