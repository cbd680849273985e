"""A swarm is written down, taken up again from there, and carried to another store in one file."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import skep
from skep.hive.carrying import export_swarm, import_swarm

bought: list[str] = []
at_the_till, may_go_on = asyncio.Event(), asyncio.Event()


@skep.agent("shopper")
async def shop(task: skep.TaskContext, what: str) -> str:
    receipt = await task.step("pay", pay_for, what)
    at_the_till.set()
    await may_go_on.wait()
    return str(receipt)


async def pay_for(what: str) -> str:
    bought.append(what)
    return f"{what}: paid"


def task(what: str) -> skep.TaskSpec:
    kind = skep.AgentKind.FUNCTION
    return skep.TaskSpec(key=skep.TaskKey(what), agent="shopper", kind=kind, input={"what": what})


async def main() -> None:
    with TemporaryDirectory() as folder:
        async with skep.open("memory:") as hive:
            state = hive.state
            swarm = await hive.submit("Go shopping", plan=[task("milk")])
            await at_the_till.wait()  # the milk is paid, and its task runs still
            made = await state.create_snapshot(swarm.id, "at the till")
            print(f"{made.name}: {made.ended} of {made.tasks} tasks ended")
            await export_swarm(state, swarm.id, Path(folder) / "shopping.skep")
            await swarm.cancel()
            may_go_on.set()
            again = hive.swarm(await state.restore(swarm.id, made.number))
            print("restored:", await again.result())
        async with skep.open("memory:") as elsewhere:
            state = elsewhere.state
            carried = await import_swarm(state, Path(folder) / "shopping.skep")
            print("imported:", await elsewhere.swarm(carried.swarm).result())
    print("paid for, three swarms later:", bought)


asyncio.run(main())
