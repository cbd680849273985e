"""`skep fleet status` and `nodes`: what a fleet comes to, and which processes are in it."""

from tests.cli.shell import Shell
from tests.cli.test_fleet import do

from skep.ports.store import Store
from skep.records.ids import SwarmId
from skep.records.node import Node, NodeId
from skep.testing.acts import submit
from skep.testing.samples import task

ANN, BOB = NodeId("ann"), NodeId("bob\x1b[1m")


async def people(store: Store) -> None:
    """Two nodes, of which one has left, and two swarms, of which one has a host."""
    await store.census.enrol(Node(id=ANN, host="alps", pid=7, queues=("default",), slots=4))
    await store.census.enrol(Node(id=BOB, host="bay", pid=8))
    await submit(store, "s", task("a"))
    await submit(store, "t", task("a"))
    await store.census.host([SwarmId("s")], ANN)
    await store.census.leave(BOB)


def test_an_empty_fleet_says_what_to_do(shell: Shell) -> None:
    """No swarm, no node, no leader: the command that starts a worker is named."""
    status, nodes = shell.skep("fleet", "status"), shell.skep("fleet", "nodes")

    assert "0 of 10,000 swarms live\n" in status.out
    assert "led by nobody yet" in status.out
    assert "skep work" in nodes.out
    assert shell.skep("fleet", "nodes", "--json").json == {"nodes": []}


def test_the_nodes_are_shown(shell: Shell) -> None:
    """Where each runs, what it hosts, who is absent; and no name moves the cursor."""
    do(shell, people)

    shown = shell.skep("fleet", "nodes")
    told = shell.skep("fleet", "nodes", "--json").json["nodes"]

    assert "\x1b" not in shown.out
    ann, bob = told
    assert (ann["node"], ann["host"], ann["pid"], ann["swarms"]) == ("ann", "alps", 7, 1)
    assert (ann["present"], bob["present"]) == (True, False)
    assert "absent" in next(line for line in shown.out.splitlines() if "bay" in line)


def test_the_status_counts(shell: Shell) -> None:
    """Swarms by status, nodes and figures, on the screen and for programs."""
    do(shell, people)

    shown = shell.skep("fleet", "status")
    told = shell.skep("fleet", "status", "--json").json

    assert "2 of 10,000 swarms live: 2 active" in shown.out
    assert told["registry"]["total_registered"] == 2
    assert (told["nodes"], told["swarms_max"], told["nearly_full"]) == (2, 10_000, False)


def test_a_fleet_that_is_nearly_full_says_so(shell: Shell) -> None:
    """From nine tenths of the swarms that may live it warns, and says what to do."""
    do(shell, people)

    shown = shell.skep("fleet", "status", SKEP_SWARMS_MAX="2")

    assert "nearly full" in shown.out
    assert "SKEP_SWARMS_MAX" in shown.out
