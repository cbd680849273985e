"""A plan is a graph: two tasks side by side, and a third that waits for both."""

import asyncio

import skep


@skep.agent("counter")
async def count(_: skep.TaskContext, text: str) -> int:
    return len(text.split())


@skep.agent("adder")
async def add(task: skep.TaskContext) -> str:
    counts = {key: finding.value for key, finding in task.findings.items()}
    return f"{counts} words, {sum(int(str(value)) for value in counts.values())} in all"


def task(key: str, agent: str, *after: str, text: str | None = None) -> skep.TaskSpec:
    return skep.TaskSpec(
        key=skep.TaskKey(key),
        agent=agent,
        kind=skep.AgentKind.FUNCTION,
        input=None if text is None else {"text": text},
        after=tuple(skep.TaskKey(up) for up in after),
    )


async def main() -> None:
    plan = [
        task("proverb", "counter", text="many hands make light work"),
        task("answer", "counter", text="too many cooks spoil the broth"),
        task("sum", "adder", "proverb", "answer"),
    ]
    async with skep.open("memory:") as hive:
        swarm = await hive.submit("Count the words", plan=plan)
        print(await swarm.result())


asyncio.run(main())
