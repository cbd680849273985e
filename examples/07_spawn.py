"""A plan may grow: a task adds others, and whoever waits for it waits for them as well."""

import asyncio

import skep

FUNCTION = skep.AgentKind.FUNCTION
PAGES = {"front": "bees", "back": "honey"}


@skep.agent("editor")
async def split(task: skep.TaskContext) -> str:
    await task.spawn(
        [
            skep.TaskSpec(key=skep.TaskKey(page), agent="writer", kind=FUNCTION, input=subject)
            for page, subject in PAGES.items()
        ]
    )
    return f"{len(PAGES)} pages"


@skep.agent("writer")
async def write(_: skep.TaskContext, subject: str) -> str:
    return f"a page about {subject}"


@skep.agent("printer")
async def bind(task: skep.TaskContext) -> dict[str, object]:
    return {key: finding.value for key, finding in task.findings.items()}


async def main() -> None:
    plan = [
        skep.TaskSpec(key=skep.TaskKey("edit"), agent="editor", kind=FUNCTION),
        skep.TaskSpec(
            key=skep.TaskKey("print"),
            agent="printer",
            kind=FUNCTION,
            after=(skep.TaskKey("edit"),),
        ),
    ]
    async with skep.open("memory:") as hive:
        swarm = await hive.submit("Make a leaflet", plan)
        print(await swarm.result())
        print("tasks:", [task.ref.key for task in await swarm.tasks()])


asyncio.run(main())
