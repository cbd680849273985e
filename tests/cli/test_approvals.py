"""`skep approvals ...`: listing, showing and answering what tasks ask, and what cannot be."""

import asyncio
from pathlib import Path

import pytest
from tests.cli.shell import Shell

from skep.drivers.sqlite import SqliteStore
from skep.drivers.system import SystemChance, SystemClock
from skep.records.outcome import Blocked
from skep.records.task import AgentKind
from skep.records.values import Json
from skep.testing.acts import ask, claim_one, settle, submit
from skep.testing.samples import task


@pytest.fixture
def waiting(shell: Shell) -> str:
    """The id of a question for which a task waits in the shell's store."""
    return asyncio.run(asked_in(shell.folder / ".skep" / "skep.db"))


async def asked_in(file: Path) -> str:
    """Bring a task to wait for an answer, with words that a terminal would obey."""
    async with await SqliteStore.open(file, clock=SystemClock(), chance=SystemChance()) as store:
        await submit(store, "01a1f869-1ee2-7248-aece-172aaf662809", asking)
        grant = await claim_one(store, capabilities=frozenset({"agent:payer"}))
        words = "Pay \x1b[31m250\x1b[0m?"
        detail: Json = {"to": "Zoë", "note": "a\x07b"}
        approval = await ask(store, grant.token, asks=words, detail=detail)
        reason = f"It asks: {words}"
        await settle(store, Blocked(reason=reason, awaits=(approval,)), grant)
        return approval


asking = task("pay", agent="payer", kind=AgentKind.FUNCTION)


def test_list_and_show_tell_what_is_asked_and_how_to_answer(shell: Shell, waiting: str) -> None:
    """Both clean what a task wrote, and name the commands."""
    listed = shell.skep("approvals", "list").out
    shown = shell.skep("approvals", "show", waiting[:8]).out

    for out in (listed, shown):
        assert "Pay 250?" in out
        assert "\x1b" not in out
        assert f"skep approvals approve {waiting[:8]}, or skep approvals deny {waiting[:8]}" in out
    assert '"to": "Zoë"' in shown
    assert "\x07" not in shown
    document = shell.skep("approvals", "show", waiting, "--json").json
    assert document["detail"] == {"to": "Zoë", "note": "a\x07b"}
    assert (document["state"], document["decision"], document["task"]) == ("pending", None, "pay")


def test_show_and_watch_of_a_swarm_say_who_is_waited_for(shell: Shell, waiting: str) -> None:
    """The next step of a swarm that waits for an answer is the answer."""
    shown = shell.skep("swarm", "show", "last").out

    assert "Task 'pay' waits for an answer. It asks: Pay 250?" in shown
    assert f"skep approvals approve {waiting[:8]}" in shown
    assert "retry" not in shown


def test_an_answer_is_given_once(shell: Shell, waiting: str) -> None:
    """The same again is no error, another is refused with who decided, and all stays listed."""
    first = shell.skep("approvals", "approve", waiting[:4], "--reason", "fine", LOGNAME="ann")
    again = shell.skep("approvals", "approve", waiting, "--json", "--by", "bob")
    other = shell.skep("approvals", "deny", waiting, "--by", "bob", "--json")

    assert (first.code, first.out.splitlines()[0]) == (0, "Approved by ann: Pay 250?")
    assert again.code == 0
    assert again.json["decision"]["by"] == "ann"
    assert (other.code, other.json["error"]["code"]) == (1, "already_decided")
    assert "approved by ann" in other.json["error"]["message"]
    assert "Nothing waits" in shell.skep("approvals", "list").out
    [listed] = shell.skep("approvals", "list", "--all", "--json").json["approvals"]
    assert listed["decision"]["reason"] == "fine"


def test_what_names_no_approval_is_told(shell: Shell, waiting: str) -> None:
    """Too short, unknown and withdrawn ones end with their own code and a hint."""
    assert shell.skep("approvals", "approve", waiting[:3]).code == 2
    unknown = shell.skep("approvals", "approve", "zzzz", "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (1, "approval_not_found")
    shell.skep("swarm", "cancel", "last")

    late = shell.skep("approvals", "deny", waiting, "--json")

    assert (late.code, late.json["error"]["code"]) == (1, "approval_withdrawn")
    assert late.json["error"]["hint"]
    assert shell.skep("approvals", "list", "--json").json == {"approvals": []}
