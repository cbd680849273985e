"""`skep fleet status` and `skep fleet nodes`: what a fleet comes to, and who is in it."""

import asyncio
from pathlib import Path

import pytest
from tests.cli.shell import Shell

from skep.compose import open_fleet
from skep.records.ids import SwarmId
from skep.records.node import Node, NodeId
from skep.records.swarm import Plan, SwarmRequest
from skep.settings import read_settings

STANDING = Plan(tasks=(), sealed=False)


@pytest.fixture
def fleet(tmp_path: Path) -> Shell:
    """A store with two swarms, a node that hosts one of them, and one that left."""

    async def fill() -> None:
        settings = read_settings(store=f"sqlite:///{tmp_path}/work.db", folder=tmp_path)
        async with open_fleet(settings) as opened:
            for name in ("one", "two"):
                request = SwarmRequest(objective="Stand by")
                await opened.registry.register(request, STANDING, swarm=name)
            census = opened.store.census
            here = Node(id=NodeId("here"), host="bee", pid=7, queues=("default",), slots=4)
            for node in (here, Node(id=NodeId("gone"))):
                await census.enrol(node)
            await census.host([SwarmId("one")], NodeId("here"))
            await census.leave(NodeId("gone"))

    asyncio.run(fill())
    return Shell(folder=tmp_path, environment={"SKEP_STORE": f"sqlite:///{tmp_path}/work.db"})


def test_the_status_tells_where_the_swarms_stand(fleet: Shell) -> None:
    """For people in a few lines, for programs under the names of the schema."""
    shown = fleet.skep("fleet", "status")
    told = fleet.skep("fleet", "status", "--json").json

    assert (shown.code, "2 active" in shown.out, "absent: gone" in shown.out) == (0, True, True)
    assert (told["live"], told["registered"], told["by_status"]) == (2, 2, {"active": 2})
    assert (told["nodes"], told["hosted"]) == ({"present": 1, "absent": 1}, 1)
    assert (told["allowed"], told["scarce"]) == (10_000, False)


def test_a_fleet_that_is_nearly_full_is_told_of(fleet: Shell) -> None:
    """Before it refuses anybody."""
    shown = fleet.skep("fleet", "status", SKEP_SWARMS_MAX="2")

    assert "nearly full" in shown.err


def test_the_nodes_tell_who_is_there(fleet: Shell) -> None:
    """Those that are absent too, until somebody calls the roll."""
    shown = fleet.skep("fleet", "nodes")
    told = {node["node"]: node for node in fleet.skep("fleet", "nodes", "--json").json["nodes"]}

    assert (shown.code, "bee" in shown.out, "absent" in shown.out) == (0, True, True)
    assert (told["here"]["present"], told["here"]["swarms"], told["here"]["pid"]) == (True, 1, 7)
    assert told["gone"]["present"] is False


def test_a_full_fleet_refuses_one_more(fleet: Shell) -> None:
    """By name, with what to do."""
    done = fleet.skep(
        *("run", "--detach", "Audit this repository", "--model", "offline", "--json"),
        SKEP_SWARMS_MAX="2",
    )

    assert (done.code, done.json["error"]["code"]) == (1, "fleet_full")
