"""A role whose tool a person has to approve: the call waits, and what was agreed to is done.

The model here answers from a script; the role is a file of the project, as yours would be.
"""

import asyncio
import tempfile
from pathlib import Path

import skep
from skep.agent.scripted import ScriptedModel

ROLE = """---
name: clerk
description: Reads the books.
tools: [read_file]
approve: [read_file]
approval_expires: 2h
---

You read what you are asked about.
"""
SCRIPT = [
    [("read_file", {"path": "till.txt"}), ("read_file", {"path": "safe.txt"})],
    "The till has 250 cents. The safe I was not let into.",
]


async def main(folder: Path) -> None:
    (folder / "till.txt").write_text("250 cents\n")
    (folder / "safe.txt").write_text("the combination\n")
    roles = folder / ".skep" / "agents"
    roles.mkdir(parents=True)
    (roles / "clerk.md").write_text(ROLE)
    models = {"script": ScriptedModel(SCRIPT)}
    plan = [skep.TaskSpec(key=skep.TaskKey("count"), agent="clerk")]

    async with skep.open("memory:", folder=folder, models=models) as hive:
        swarm = await hive.submit("Count", plan, workspace=str(folder), model="script")
        async for event in swarm.events():
            if event.kind != "task.blocked":
                continue
            for asked in sorted(await swarm.approvals(), key=lambda each: each.key):
                print("asked:", asked.question)
                # Here a program decides; `skep approvals approve` does it from any terminal.
                if "till.txt" in asked.question:
                    await swarm.approve(asked.id, by="ann")
                else:
                    await swarm.deny(asked.id, by="ann", reason="none of its business")
        print("result:", await swarm.result())


with tempfile.TemporaryDirectory() as name:
    asyncio.run(main(Path(name)))
