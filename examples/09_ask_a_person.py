"""A task asks a person before it does something, and holds no worker while it waits."""

import asyncio

import skep


@skep.agent("refunder")
async def refund(task: skep.TaskContext, customer: str, cents: int) -> str:
    decision = await task.approval(
        "refund",
        f"Refund {customer}?",
        detail={"customer": customer, "cents": cents},
        expires_s=3600,
    )
    if not decision.approved:
        return f"{customer}: no refund ({decision.by}: {decision.reason})"
    return f"{customer}: refunded {cents} cents, approved by {decision.by}"


def ask_for(customer: str, cents: int) -> skep.TaskSpec:
    return skep.TaskSpec(
        key=skep.TaskKey(customer),
        agent="refunder",
        kind=skep.AgentKind.FUNCTION,
        input={"customer": customer, "cents": cents},
    )


async def main() -> None:
    async with skep.open("memory:", slots=1) as hive:
        swarm = await hive.submit("Settle complaints", [ask_for("zoe", 250), ask_for("max", 90000)])
        async for event in swarm.events():
            if event.kind != "approval.asked":
                continue
            # Here a program decides; `skep approvals approve` does it from any terminal.
            [asked] = [each for each in await swarm.approvals() if each.ref.key == event.task]
            print("asked:", asked.question, asked.detail)
            if event.task == "zoe":
                await swarm.approve(asked.id, by="till")
            else:
                await swarm.deny(asked.id, by="till", reason="ask the owner")
        results = await swarm.result()
        assert isinstance(results, dict)
        for line in results.values():
            print(line)


asyncio.run(main())
