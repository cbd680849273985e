"""Guarded tools of a provider's model: a call waits for a person in the store, in no process."""

from pathlib import Path

import pytest
from tests.cli.shell import files_into
from tests.providers.scenario import Asked, Says, Scene
from tests.providers.stub import Stub

import skep
from skep.compose import open_fleet
from skep.records.event import Remark
from skep.settings import read_settings

ROLE = """---
name: critic
description: Reads the menu.
tools: [list_files, read_file]
approve: [read_file]
---

You say what the menu lacks.
"""
PLAN = [skep.TaskSpec(key=skep.TaskKey("menu"), agent="critic")]


def play(asked: Asked) -> Scene:
    """Ask for a guarded tool beside one that is free, and tell what both returned."""
    if not asked.results:
        return Says(calls=[("list_files", {}), ("read_file", {"path": "src/menu.py"})])
    return Says(text="\n".join(asked.results))


@pytest.mark.parametrize(("is_approved", "said"), [(True, "more drinks"), (False, "by noon")])
async def test_a_guarded_call_outlives_the_process_that_asked(
    shared_store: str,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_approved: bool,
    said: str,
) -> None:
    """Asked by one hive, answered beside it, made or left by the next, and paid for once."""
    files_into(workplace)
    files_into(workplace, {".skep/agents/critic.md": ROLE})
    async with Stub(play) as stub:
        for name, text in stub.environment.items():
            monkeypatch.setenv(name, text)
        async with skep.open(shared_store) as hive:
            model = "anthropic:claude-sonnet-4-6"
            swarm = await hive.submit("Read", PLAN, workspace=str(workplace), model=model)
            async for event in swarm.events():
                if event.kind == Remark.APPROVAL_ASKED:
                    break
        asked = len(stub.ledger)
        async with open_fleet(read_settings(store=shared_store)) as fleet:
            (approval,) = await fleet.approvals()
            decide = fleet.approve if is_approved else fleet.deny
            await decide(approval.id, by="ann", reason="by noon")
        async with skep.open(shared_store) as hive:
            result = await hive.swarm(swarm.id).result()
        await stub.emptied()

    assert (asked, len(stub.ledger)) == (1, 2)
    assert said in str(result)
    assert ("more drinks" in str(result)) is is_approved
