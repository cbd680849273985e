"""`skep message`: sent from a terminal, read along with, and replayed when dead."""

import asyncio
from typing import Final

import pytest
from tests.cli.shell import Shell

from skep.drivers.sqlite import SqliteStore
from skep.drivers.system import SystemChance, SystemClock
from skep.records.limits import MESSAGE_TRIES_MAX
from skep.testing.acts import submit
from skep.testing.mail import acknowledge, give_back, message, send, take

SWARM: Final = "00000000-0000-7000-8000-00000000000a"


async def _fill(shell: Shell) -> None:
    path = shell.folder / ".skep" / "skep.db"
    path.parent.mkdir()
    async with await SqliteStore.open(path, clock=SystemClock(), chance=SystemChance()) as store:
        await submit(store, SWARM, sealed=False)
        await send(
            store,
            message("done", to=SWARM, sender="b", type="task_completed", payload={"n": 1}),
            message("poison", to=f"{SWARM}/scout", payload="\x1b[31mred"),
        )
        await acknowledge(store, *await take(store, SWARM))
        for _ in range(MESSAGE_TRIES_MAX):
            await give_back(store, *await take(store, f"{SWARM}/scout"), reason="it broke")


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """A shell with a swarm that has handled one message and given up another."""
    asyncio.run(_fill(shell))
    return shell


def test_a_message_is_sent_once(shop: Shell) -> None:
    """It waits in its inbox with what was said; under its id it is sent once."""
    words = (f"{SWARM}/scout", '{"page": 7}', "--type", "task_assignment", "--id", "mine")
    sent = shop.skep("message", "send", *words, "--json").json
    again = shop.skep("message", "send", *words)
    found = shop.skep("message", "inbox", "last", "--json").json["messages"]

    assert sent == {"id": "mine", "to": f"{SWARM}/scout"}
    assert "Sent." in again.out
    assert [(each["id"], each["state"], each["payload"]) for each in found] == [
        ("mine", "waiting", {"page": 7}),
        ("poison", "dead", "\x1b[31mred"),
    ]
    assert (found[0]["sender"], found[0]["type"]) == ("/operator", "task_assignment")


def test_what_is_no_json_is_sent_as_a_text(shop: Shell) -> None:
    """A sentence needs no quotes of JSON."""
    shop.skep("message", "send", "last", "The budget is raised", "--by", "ann")
    found = shop.skep("message", "tail", "last", "--limit", "1", "--json").json["messages"]

    assert [(each["sender"], each["payload"]) for each in found] == [
        ("/ann", "The budget is raised")
    ]


def test_the_last_messages_are_shown(shop: Shell) -> None:
    """All of them, wherever they stand, and nothing that moves the cursor."""
    shown = shop.skep("message", "tail", "last")

    lines = shown.out.splitlines()
    assert "acknowledged" in lines[1]
    assert '{"n": 1}' in lines[1]
    assert "dead (it broke)" in lines[2]
    assert "\x1b" not in shown.out


def test_dead_messages_are_replayed(shop: Shell) -> None:
    """The list says how, and afterwards they wait again."""
    shown = shop.skep("message", "inbox", "last")
    replayed = shop.skep("message", "inbox", "last", "--replay")
    left = shop.skep("message", "inbox", "last", "--json").json["messages"]

    assert "--replay" in shown.out
    assert "Replayed: 1" in replayed.out
    assert [(each["id"], each["state"], each["tries"]) for each in left] == [
        ("poison", "waiting", 0)
    ]


def test_a_message_to_nobody_is_refused(shop: Shell) -> None:
    """A swarm that is not there takes none."""
    refused = shop.skep("message", "send", "00000000-0000-7000-8000-0000000000ff", "x", "--json")

    assert (refused.code, refused.json["error"]["code"]) == (1, "swarm_not_found")
