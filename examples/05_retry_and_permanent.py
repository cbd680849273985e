"""A failure that may pass is tried again; one that cannot is not."""

import asyncio

import skep

BRISK = skep.RetryPolicy(attempts_max=3, base_s=0.01)


@skep.agent("caller")
async def call(task: skep.TaskContext) -> str:
    if task.attempt < BRISK.attempts_max:
        raise ConnectionError("the line is busy")
    return f"through at attempt {task.attempt}"


@skep.agent("reader")
async def read(_: skep.TaskContext) -> str:
    raise skep.PermanentError("there is no such page, and there will be none")


def plan(agent: str) -> list[skep.TaskSpec]:
    kind = skep.AgentKind.FUNCTION
    return [skep.TaskSpec(key=skep.TaskKey("it"), agent=agent, kind=kind, retry=BRISK)]


async def main() -> None:
    async with skep.open("memory:") as hive:
        for agent in ("caller", "reader"):
            swarm = await hive.submit(f"Ask the {agent}", plan(agent))
            try:
                print(f"{agent}:", await swarm.result())
            except skep.SkepError as error:
                (task,) = await swarm.tasks()
                print(f"{agent}: {error.code} after {task.attempt} attempt: {task.reason}")
            kinds = [event.kind async for event in swarm.events()]
            print(f"  {kinds.count('task.retried')} retries")


asyncio.run(main())
