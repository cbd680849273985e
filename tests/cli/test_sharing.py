"""`skep fleet resources` and `skep fleet conflicts`: what swarms share, and what they dispute."""

from tests.cli.shell import Shell
from tests.cli.test_fleet import do

from skep.ports.store import Store
from skep.records.dispute import ConflictRule
from skep.testing.acts import submit
from skep.testing.samples import dispute, requisition, task


async def share(store: Store) -> None:
    """Hold most of a pool, and wait for more of it."""
    await submit(store, "s", task("t"))
    await store.pools.allocate([requisition("a", 500), requisition("b", 400)])


async def quarrel(store: Store) -> None:
    """Open two disputes, one of which is voted on."""
    await submit(store, "one", task("t"), priority=5)
    await submit(store, "two", task("t"), priority=7)
    voting = dispute(
        "vote\x1b[1m", "one", "two", rule=ConflictRule.VOTING, electorate=("ann",), quorum=1
    )
    await store.disputes.open([dispute("gpu", "one", "two"), voting])


def test_a_store_without_pools_says_so(shell: Shell) -> None:
    """It says which command declares one."""
    shown = shell.skep("fleet", "resources")

    assert (shown.code, "skep fleet declare" in shown.out) == (0, True)
    assert shell.skep("fleet", "resources", "--json").json == {"pools": []}


def test_a_pool_is_declared_and_shown(shell: Shell) -> None:
    """One line for each pool: how much there is, is held, is free, and how many wait."""
    declared = shell.skep("fleet", "declare", "cpu", "800")
    shell.skep("fleet", "declare", "gpu", "2", "--unit", "cards", "--alone")
    do(shell, share)

    shown = shell.skep("fleet", "resources")
    holders = shell.skep("fleet", "resources", "--holders")
    told = shell.skep("fleet", "resources", "--json").json["pools"]

    assert "Pool cpu has 800 percent of one core." in declared.out
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[1][:5] == ["cpu", "800", "500", "300", "1"]
    assert "cards (one swarm at a time)" in shown.out
    assert [line.split()[1:3] for line in holders.out.splitlines()[1:]] == [
        ["held", "500"],
        ["queued", "400"],
    ]
    assert [(each["pool"], each["allocated"], each["shared"]) for each in told] == [
        ("cpu", 500, True),
        ("gpu", 0, False),
    ]


def test_a_pool_is_not_declared_too_small(shell: Shell) -> None:
    """What would take away from who holds it is refused, with the reason."""
    shell.skep("fleet", "declare", "cpu", "800")
    do(shell, share)

    refused = shell.skep("fleet", "declare", "cpu", "400", "--json")

    assert refused.code == 1
    assert refused.json["error"]["code"] == "pool_in_use"


def test_disputes_are_shown_and_settled(shell: Shell) -> None:
    """What is open is listed, settled by its rule once, and listed among all after that."""
    do(shell, quarrel)

    listed = shell.skep("fleet", "conflicts")
    won = shell.skep("fleet", "settle", "gpu")
    again = shell.skep("fleet", "settle", "gpu", "--json").json
    undecided = shell.skep("fleet", "settle", "vote\x1b[1m", "--json")
    left = shell.skep("fleet", "conflicts", "--json").json["conflicts"]
    every = shell.skep("fleet", "conflicts", "--all", "--json").json["conflicts"]

    assert (listed.code, "\x1b" in listed.out) == (0, False)
    assert "0 of 1 ballots" in listed.out
    assert won.out.strip() == "two has won: priority 7 is above 5"
    assert again["ruling"]["winner"] == "two"
    assert undecided.json["error"]["code"] == "not_settled"
    assert [case["dispute"]["id"] for case in left] == ["vote\x1b[1m"]
    assert [case["dispute"]["id"] for case in every] == ["vote\x1b[1m", "gpu"]


def test_what_is_no_dispute_is_told(shell: Shell) -> None:
    """An unknown name is refused, and a store without any says so."""
    ghost = shell.skep("fleet", "settle", "ghost", "--json")

    assert ghost.json["error"]["code"] == "dispute_not_found"
    assert "no open dispute" in shell.skep("fleet", "conflicts").out
