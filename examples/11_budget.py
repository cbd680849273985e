"""A budget: the swarm stops before the call that does not fit, and a person decides how it goes on.

The model here answers from a script and is free, so the budget counts requests; of a provider's
model it may limit dollars and tokens as well: `budget_usd=2`.
"""

import asyncio

import skep
from skep.agent.scripted import ScriptedModel

PLAN = [
    skep.TaskSpec(key=skep.TaskKey("read"), agent="researcher"),
    skep.TaskSpec(key=skep.TaskKey("check"), agent="researcher", after=(skep.TaskKey("read"),)),
    skep.TaskSpec(key=skep.TaskKey("sum-up"), agent="synthesizer", after=(skep.TaskKey("check"),)),
]


async def main() -> None:
    model = ScriptedModel(["Honey keeps for years."])

    async with skep.open("memory:", models={"own": model}) as hive:
        swarm = await hive.submit("How long does honey keep?", PLAN, model="own", budget_requests=2)
        async for event in swarm.events():
            if event.kind.startswith("purse."):
                print(event.kind, "in task", event.task)
        state = await swarm.state()
        print(state.status, "after", state.purse.spent.requests, "request")

        await swarm.finish("what there is will do")
        print("result:", await swarm.result())
        for task in await swarm.tasks():
            print(f"{task.ref.key:<7}", task.status)


asyncio.run(main())
