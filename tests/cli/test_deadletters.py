"""`skep deadletters` and `skep swarm cap`: what failed is listed and replayed; caps move."""

import asyncio
from typing import Final

import pytest
from tests.cli.shell import Shell

from skep.drivers.sqlite import SqliteStore
from skep.drivers.system import SystemChance, SystemClock
from skep.records.swarm import SwarmMove
from skep.testing.acts import claim, settle, steer, submit, succeed
from skep.testing.samples import failed, task

FAILING: Final = "00000000-0000-7000-8000-00000000000a"
GONE: Final = "00000000-0000-7000-8000-00000000000b"


async def _fill(shell: Shell) -> None:
    path = shell.folder / ".skep" / "skep.db"
    path.parent.mkdir()
    async with await SqliteStore.open(path, clock=SystemClock(), chance=SystemChance()) as store:
        await submit(store, FAILING, task("a"), task("b"), task("ok"), task("z", "a"))
        a, b, ok = await claim(store)
        await settle(store, failed(), a, b)
        await succeed(store, ok)
        await submit(store, GONE, task("a"), task("b"))
        await settle(store, failed(), *await claim(store, 1))
        await steer(store, GONE, SwarmMove.CANCEL)


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """A shell with a swarm that failed, and one that was cancelled after a failure."""
    asyncio.run(_fill(shell))
    return shell


def test_what_failed_is_listed_and_replayed(shop: Shell) -> None:
    """A letter shows its reason, leaves the list by its replay, and its followers go along."""
    listed = shop.skep("deadletters", "list", "--swarm", FAILING, "--json").json["dead_letters"]
    replayed = shop.skep("deadletters", "replay", f"{FAILING}/a")
    left = shop.skep("deadletters", "list", "--swarm", FAILING, "--json").json["dead_letters"]
    again = shop.skep("deadletters", "replay", f"{FAILING}/a", "--json")

    assert {(letter["task"], letter["reason"]) for letter in listed} == {
        ("a", "it broke"),
        ("b", "it broke"),
    }
    assert "is active" in replayed.out
    assert [letter["task"] for letter in left] == ["b"]
    assert (again.code, again.json["error"]["code"]) == (1, "task_not_dead")
    shown = shop.skep("swarm", "tasks", FAILING, "--json").json["tasks"]
    assert {row["key"]: row["status"] for row in shown} == {
        "a": "ready",
        "b": "failed",
        "ok": "succeeded",
        "z": "waiting",
    }


def test_all_letters_are_replayed_but_those_of_cancelled_swarms(shop: Shell) -> None:
    """--all passes by what stays as it is, which asked for by its name is refused."""
    everything = shop.skep("deadletters", "replay", "--all", "--json")
    cancelled = shop.skep("deadletters", "replay", "--swarm", GONE, "--json")
    left = shop.skep("deadletters", "list", "--json").json["dead_letters"]

    assert everything.json == {"replayed": [{"swarm": FAILING, "status": "active"}]}
    assert cancelled.json["error"]["code"] == "illegal_move"
    assert [letter["swarm"] for letter in left] == [GONE]


def test_the_list_is_read_page_by_page(shop: Shell) -> None:
    """--limit and --before give every letter once."""
    first = shop.skep("deadletters", "list", "--limit", "2", "--json").json["dead_letters"]
    cursor = first[-1]["cursor"]
    rest = shop.skep("deadletters", "list", "--before", cursor, "--json").json["dead_letters"]

    assert len({letter["cursor"] for letter in (*first, *rest)}) == 3
    assert shop.skep("deadletters", "list", "--before", "soon").code == 2


def test_a_replay_must_be_told_what(shop: Shell) -> None:
    """Nothing, or names beside --all, or a name without its swarm, is a usage error."""
    asked: list[list[str]] = [[], [f"{FAILING}/a", "--all"], ["a"]]

    assert [shop.skep("deadletters", "replay", *words).code for words in asked] == [2, 2, 2]


def test_show_points_to_the_dead_letters(shop: Shell) -> None:
    """A swarm with failures says where they are listed; the table names each with its swarm."""
    shown = shop.skep("swarm", "show", FAILING).out
    table = shop.skep("deadletters", "list").out

    assert "skep deadletters list --swarm 0000000a" in shown
    assert "0000000a/b" in table
    assert "it broke" in table


def test_a_cap_is_set_and_shown(shop: Shell) -> None:
    """Show and --json tell the cap in force; one out of bounds is a usage error."""
    shop.skep("deadletters", "replay", "--swarm", FAILING)

    capped = shop.skep("swarm", "cap", FAILING, "3")

    assert "Up to 3 at once" in capped.out
    assert "up to 3 at once" in shop.skep("swarm", "show", FAILING).out
    assert shop.skep("swarm", "show", FAILING, "--json").json["max_agents"] == 3
    assert shop.skep("swarm", "cap", FAILING, "0").code == 2
    assert shop.skep("swarm", "cap", GONE, "3", "--json").json["error"]["code"] == "illegal_move"
