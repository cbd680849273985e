"""Limits: a provider is asked no more often than it allows, by all workers of a store together.

`SKEP_LIMITS` says what providers and models let through; here a model of one's own lets two
requests through in a second. Who comes too early sleeps until its turn, and holds no worker.
"""

import asyncio
import os

import skep
from skep.agent.scripted import ScriptedModel

PLAN = [skep.TaskSpec(key=skep.TaskKey(f"ask-{n}"), agent="researcher") for n in range(4)]


async def main() -> None:
    os.environ["SKEP_LIMITS"] = "own: rps=2"  # noqa: TID251 - as a shell would set it
    model = ScriptedModel(["Honey keeps for years."])

    async with skep.open("memory:", models={"own": model}) as hive:
        swarm = await hive.submit("How long does honey keep?", PLAN, model="own")
        done = [event.at async for event in swarm.events() if event.kind == "task.succeeded"]
        tasks = await swarm.tasks()

    print("succeeded:", sum(task.status == "succeeded" for task in tasks))
    print("failures:", sum(task.failures for task in tasks))
    print("spread over more than a second:", done[-1] - done[0] > 1)


asyncio.run(main())
