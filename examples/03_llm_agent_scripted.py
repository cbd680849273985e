"""An LLM agent at work: it asks for a tool, reads what it returns, and answers.

The model here answers from a script, so nothing is called outside; say the name of a real one
instead, and the rest stays as it is.
"""

import asyncio
import tempfile
from pathlib import Path

import skep
from skep.agent.scripted import ScriptedModel

PLAN = [skep.TaskSpec(key=skep.TaskKey("todos"), agent="debt-collector", title="Find the TODOs")]


async def main(folder: Path) -> None:
    (folder / "till.py").write_text("total = 0  # TODO: taxes\n")
    model = ScriptedModel([[("todos", {})], "There is one TODO, about taxes, in `till.py`."])

    async with skep.open("memory:", models={"script": model}) as hive:
        swarm = await hive.submit("Look for TODOs", PLAN, workspace=str(folder), model="script")
        result = await swarm.result()
        steps = [event.data["key"] async for event in swarm.events() if "key" in event.data]
        artifacts = [artifact.name for _, artifact in await swarm.artifacts()]

    print("result:   ", result)
    print("steps:    ", steps)
    print("artefacts:", artifacts)
    print("requests: ", model.asked)


with tempfile.TemporaryDirectory() as name:
    asyncio.run(main(Path(name)))
