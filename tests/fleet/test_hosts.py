"""A host that is killed: its swarms are found and brought back by another process, unasked."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Final

import pytest
from tests.cli.shell import files_into
from tests.fleet.depot import Depot

pytestmark = pytest.mark.slow

SWARMS: Final = 10
HEARTBEAT: Final = "0.5s"

WARDS: Final = '''
"""An agent that hangs in the process of the host, and nowhere else."""

import asyncio
import sys

import skep


@skep.agent("ward")
async def ward(task: skep.TaskContext) -> None:
    if sys.argv[0] == "host.py":
        await asyncio.Event().wait()
'''

HOST: Final = '''
"""A process that makes swarms, hosts them, and works on them until it is killed."""

import asyncio
import json
import sys

import hands
import wards
from skep.compose import WorkerOptions, open_fleet, working
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.node import NodeId
from skep.records.task import AgentKind, TaskSpec
from skep.settings import read_settings

QUEUE, COUNT = sys.argv[1], int(sys.argv[2])


def plan():
    """One task that is done, one that hangs, and one that waits for both."""
    agents = {"first": "quick", "second": "ward", "last": "quick"}
    after = {"second": ("first",), "last": ("first", "second")}
    return [
        TaskSpec(
            key=TaskKey(key),
            agent=agent,
            kind=AgentKind.FUNCTION,
            after=tuple(map(TaskKey, after.get(key, ()))),
        )
        for key, agent in agents.items()
    ]


async def main():
    settings = read_settings()
    options = WorkerOptions(
        slots=4, queues=frozenset({QUEUE}), identity=WorkerId("the-host"), lease_s=1.0
    )
    async with open_fleet(settings) as fleet, working(fleet, settings, options):
        swarms = [await fleet.submit("Host me", plan(), queue=QUEUE) for _ in range(COUNT)]
        ids = [SwarmId(swarm.id) for swarm in swarms]
        await fleet.store.census.host(ids, NodeId("the-host"))
        async for event in swarms[0].events():
            if event.kind == "task.claimed" and event.task == "second":
                break
        print(json.dumps(ids), flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
'''


def hosted_and_lost(depot: Depot) -> list[str]:
    """Have a process host ten swarms, and kill it when it is at work; gives the swarms."""
    files_into(depot.shell.folder, {"host.py": HOST, "wards.py": WARDS})
    with subprocess.Popen(
        [sys.executable, "host.py", depot.queue, str(SWARMS)],
        cwd=depot.shell.folder,
        env=depot.shell.variables(),
        stdout=subprocess.PIPE,
    ) as host:
        assert host.stdout is not None
        try:
            return json.loads(host.stdout.readline())
        finally:
            host.kill()


@pytest.mark.timeout(120)
def test_swarms_of_a_killed_host_are_recovered_unasked(depot: Depot) -> None:
    """Ten of them: interrupted, recovering and active under another process, then completed.

    Who brings them back serves another queue, so that nothing else moves them before.
    """
    beats = {**depot.shell.environment, "SKEP_HEARTBEAT": HEARTBEAT}
    depot = replace(depot, shell=replace(depot.shell, environment=beats))
    swarms = hosted_and_lost(depot)
    assert len(swarms) == SWARMS

    replace(depot, queue="elsewhere").worker("--identity", "rescuer")
    for swarm in swarms:
        depot.until(swarm, "swarm.resumed")
    depot.worker("--import", "wards")

    moves = ("swarm.interrupted", "swarm.recovering", "swarm.resumed", "swarm.completed")
    for swarm in swarms:
        depot.watched(swarm)
        told = depot.events(swarm, *moves)
        assert [event["kind"] for event in told] == list(moves)
        assert told[0]["data"]["reason"] == "its host was lost"
        assert told[1]["data"]["reason"] == "adopted by rescuer"
