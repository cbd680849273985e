"""The demo of the coordination system (seed 002), offline: five teams, one fleet."""

import asyncio

import skep
from skep.records.dispute import ConflictRule
from skep.records.placement import Placement

TEAMS = {
    "backend": ("high", ["api", "security"]),
    "frontend": ("normal", ["ui"]),
    "data": ("low", ["sql"]),
    "devops": ("critical", ["deploy"]),
    "quality": ("normal", ["tests"]),
}


@skep.agent("worker")
async def work(_: skep.TaskContext, said: str) -> str:
    return said


async def main() -> None:
    async with skep.open("memory:") as fleet:
        for name, (priority, skills) in TEAMS.items():
            told = {"phase": "build", "priority": priority, "capabilities": skills}
            await fleet.create_swarm(name, swarm=name, max_agents=2, metadata=told)
        page = await fleet.get_swarms(phase="build", limit=3)
        print("the youngest:", [swarm.id for swarm in page.swarms])
        for strategy in Placement:
            asked = {"description": f"by {strategy}", "capabilities": ["tests"]}
            placed = await fleet.distribute_task("devops", asked, strategy=strategy)
            print(strategy, "->", placed.ref.swarm)
        await fleet.declare_resource("cpu", 400)
        first = await fleet.allocate_resource("backend", "cpu", 300)
        second = await fleet.allocate_resource("data", "cpu", 200)
        given = await fleet.release_resource("backend", "cpu")
        print("cpu:", first.state, second.state, "given back:", given)
        seat = fleet.get_coordinator("backend")
        for rule in ConflictRule:
            seat.config.conflict_resolution_strategy = rule
            voters = ["ann", "bob"] if rule is ConflictRule.VOTING else []
            ruling = await seat.resolve_conflict(
                "who gets the server",
                ["backend", "data"],
                ballots=dict.fromkeys(voters, "data"),
                electorate=voters,
                quorum=len(voters),
            )
            print(f"{rule}: {ruling.winner}, because {ruling.reason}")

        await fleet.create_checkpoint("data", "milestone")
        await fleet.swarm("data").interrupt("its host is gone")
        for lost in await fleet.discover_interrupted_swarms():
            back = await fleet.recover_swarm(lost.id)
            print(f"recovered {back.swarm} from its {back.source}, {back.confidence:.1f} sure")
        print("active:", (await fleet.get_statistics())["registry"]["active_swarms"])


asyncio.run(main())
