"""Two open teams: tasks are distributed by load, and share a pool of one licence.

From any terminal, `skep fleet resources` shows who holds it and who waits.
"""

import asyncio

import skep
from skep.records.placement import Placement
from skep.records.pool import Pool

HELD: list[str] = []


@skep.agent("draw")
async def draw(task: skep.TaskContext) -> str:
    async with task.allocate("licence", 1):
        HELD.append(f"+{task.key}")
        await task.progress("drawing")
        HELD.append(f"-{task.key}")
    return f"{task.key} is drawn"


def drawing(name: str) -> skep.TaskSpec:
    return skep.TaskSpec(key=skep.TaskKey(name), agent="draw", kind=skep.AgentKind.FUNCTION)


async def main() -> None:
    async with skep.open("memory:") as hive:
        await hive.store.pools.declare([Pool(name="licence", capacity=1)])
        teams = [
            await hive.submit("Draw", skep.Plan(tasks=(), sealed=False), swarm=name, priority=rank)
            for name, rank in (("north", 5), ("south", 7))
        ]
        for name in ("roof", "wall", "door"):
            placed = await hive.distribute(drawing(name), placement=Placement.ROUND_ROBIN)
            print(name, "goes to", placed.ref.swarm)
        for team in teams:
            await team.seal()
            print(team.id, "did", await team.result())
        pairs = zip(HELD[::2], HELD[1::2], strict=True)
        print("one at a time:", all(a[1:] == b[1:] for a, b in pairs))
        court = hive.get_coordinator("north")
        ruling = await court.resolve_conflict("who keeps it", ["north", "south"])
        print(ruling.winner, "keeps it:", ruling.reason)


asyncio.run(main())
