"""The quick start of the coordination system (seed 002), in Python.

`memory:` may be `sqlite:///work.db`, or `redis://…` for a fleet on many hosts.
"""

import asyncio

import skep


@skep.agent("developer")
async def develop(_: skep.TaskContext, description: str) -> str:
    return f"done: {description}"


async def main() -> None:
    coordination = skep.create_multi_swarm_coordination("memory:")
    await coordination.initialize()
    target, _ = await coordination.create_swarm("Keep the users", strategy="development")

    swarm, coordinator = await coordination.create_swarm(
        "Build REST API",
        strategy="development",
        mode="mesh",
        max_agents=5,
        metadata={"phase": "backend", "priority": "high", "capabilities": ["backend", "security"]},
    )

    messenger, answered = coordination.get_messenger(target.id), asyncio.Event()
    messenger.on_message("collaboration_request", lambda said, _: print("asked for", said))
    messenger.on_message("announcement", lambda _said, _envelope: answered.set())
    asked = {"type": "collaboration_request", "data": {"endpoints": ["/api/auth"]}}
    await coordination.send_message(swarm.id, target.id, asked)
    await coordination.broadcast(swarm.id, {"type": "announcement", "data": "We begin."})
    await answered.wait()
    print("leader:", coordinator.is_leader)

    task = {
        "description": "Implement authentication",
        "priority": "high",
        "capabilities": ["backend", "security"],
    }
    placed = await coordination.distribute_task(swarm.id, task, strategy="capability")
    print("placed in the swarm that can do it:", placed.ref.swarm == swarm.id)

    snapshot = await coordination.create_snapshot(swarm.id, "before_deployment")
    print("snapshot:", snapshot.label)
    await coordination.deregister_swarm(swarm.id, "completed")
    print(await swarm.result())
    await coordination.shutdown()


asyncio.run(main())
