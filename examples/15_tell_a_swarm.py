"""Telling a live swarm something: its agents hear it at their next turn.

From any terminal that is `skep tell last "Count in euros"`. The first task here waits until it was
told, so that the order is always the same; the model answers from a script.
"""

import asyncio

import skep
from skep.agent.scripted import ScriptedModel

TOLD = asyncio.Event()


@skep.agent("till")
async def till(task: skep.TaskContext) -> list[str]:
    await TOLD.wait()
    return [f"{told.by}: {told.text}" for told in await task.told()]


PLAN = [
    skep.TaskSpec(key=skep.TaskKey("count"), agent="till", kind=skep.AgentKind.FUNCTION),
    skep.TaskSpec(key=skep.TaskKey("report"), agent="synthesizer", after=(skep.TaskKey("count"),)),
]


async def main() -> None:
    models = {"script": ScriptedModel(["The till has 2.50 euros."])}

    async with skep.open("memory:", models=models) as hive:
        swarm = await hive.submit("Count the till", PLAN, model="script")
        await swarm.tell("Count in euros", by="ann")
        await swarm.tell("Round to cents", by="ann", task="report")
        TOLD.set()
        print("result:", await swarm.result())
        for told in await swarm.told():
            print(told.number, told.by, "to", told.task or "all", "-", told.text)
        steps = [event.data["key"] async for event in swarm.events() if "key" in event.data]
        print("steps:", steps)


asyncio.run(main())
