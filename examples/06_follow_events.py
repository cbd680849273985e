"""Everything that happens is an event, in one dense log per swarm that can be read again."""

import asyncio

import skep


@skep.agent("baker")
async def bake(task: skep.TaskContext, loaves: int) -> str:
    for loaf in range(1, loaves + 1):
        await task.progress(f"loaf {loaf}", fraction=loaf / loaves)
    return f"{loaves} loaves"


BREAD = skep.TaskSpec(
    key=skep.TaskKey("bread"), agent="baker", kind=skep.AgentKind.FUNCTION, input=2
)


async def main() -> None:
    async with skep.open("memory:") as hive:
        swarm = await hive.submit("Bake", [BREAD])

        async for event in swarm.events():  # waits for what is yet to come, and ends with the swarm
            print(event.seq, event.kind, event.data.get("text", "-"))

        print("once more, from the fifth:")
        async for event in swarm.events(after=4, follow=False):
            print(event.seq, event.kind)


asyncio.run(main())
