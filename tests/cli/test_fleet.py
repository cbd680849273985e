"""`skep fleet leader`: who leads, and how the leader's duties went."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.cli.shell import Shell

from skep.compose import open_store
from skep.ports.store import Store
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun
from skep.settings import Settings

ANN = WorkerId("ann")


def do(shell: Shell, act: Callable[[Store], Awaitable[object]]) -> None:
    """Do something with the shell's store."""
    folder = shell.folder / ".skep"
    settings = Settings(state_folder=folder, store=f"sqlite:///{folder / 'skep.db'}")

    async def done() -> None:
        async with await open_store(settings) as store:
            await act(store)

    asyncio.run(done())


async def lead(store: Store) -> None:
    """Be elected, and do two duties, one of them in vain."""
    won = await store.terms.campaign(ANN, lease_s=600.0)
    run = DutyRun(duty="sweep", node=ANN, term=won.term, result="3")
    await store.terms.note(won.mandate, run)
    bad = DutyRun(duty="tidy", node=ANN, term=won.term, result="no \x1b[1mroom", is_failure=True)
    await store.terms.note(won.mandate, bad)


async def leave(store: Store) -> None:
    """Be elected, and resign."""
    won = await store.terms.campaign(ANN, lease_s=600.0)
    await store.terms.resign(won.mandate)


def test_a_store_without_an_election_says_so(shell: Shell) -> None:
    """It says which command makes a leader."""
    shown = shell.skep("fleet", "leader")

    assert (shown.code, "skep work" in shown.out) == (0, True)
    assert shell.skep("fleet", "leader", "--json").json == {"leader": None, "duties": []}


def test_the_leader_is_shown_with_its_duties(shell: Shell) -> None:
    """Node, term and times, and one line for each duty, in which nothing can move the cursor."""
    do(shell, lead)

    shown = shell.skep("fleet", "leader")
    told = shell.skep("fleet", "leader", "--json").json

    assert shown.code == 0
    assert "ann leads in term 1 since " in shown.out
    assert ("failed: no" in shown.out, "\x1b[1m" in shown.out) == (True, False)
    assert (told["leader"]["node"], told["leader"]["leads"]) == ("ann", True)
    assert [(run["duty"], run["failed"]) for run in told["duties"]] == [
        ("sweep", False),
        ("tidy", True),
    ]


def test_a_leader_that_left_is_told_as_the_last_one(shell: Shell) -> None:
    """Nobody leads then, and the term is over."""
    do(shell, leave)

    shown = shell.skep("fleet", "leader")
    told = shell.skep("fleet", "leader", "--json").json["leader"]

    assert "Nobody leads; ann led in term 1 and resigned " in shown.out
    assert (told["leads"], told["resigned"]) == (False, True)
