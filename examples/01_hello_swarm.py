"""The smallest swarm: one objective, one task, one function of your own."""

import asyncio

import skep


@skep.agent("greeter")
async def greet(task: skep.TaskContext, name: str) -> str:
    return f"Hello {name}, this is task {task.key!r} of {task.objective!r}."


async def main() -> None:
    async with skep.open("memory:") as hive:
        swarm = await hive.submit(
            "Say hello",
            plan=[
                skep.TaskSpec(
                    key=skep.TaskKey("hello"),
                    agent="greeter",
                    kind=skep.AgentKind.FUNCTION,
                    input={"name": "Ada"},
                )
            ],
        )
        print(await swarm.result())
        print((await swarm.state()).status)


asyncio.run(main())
