"""Swarms tell, ask and answer each other; what fails is tried again, in the order of its sender."""

import asyncio

import skep


async def main() -> None:
    async with skep.open("memory:") as hive:
        nothing = skep.Plan(tasks=(), sealed=False)  # a standing team without tasks
        lead, scout = [await hive.submit(name, nothing) for name in ("Lead", "Scout")]
        leads, scouts = hive.messenger(lead.id), hive.messenger(scout.id)
        done, tries = asyncio.Event(), 0

        async def assigned(payload: object, _: skep.Message) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise RuntimeError("the scout stumbles")  # delivered again after a rest
            print("scout got:", payload)
            if payload == "field 3":
                done.set()

        async def asked(_: object, envelope: skep.Message) -> None:
            await scouts.answer(envelope, {"flowers": 12})

        scouts.on_message(skep.MessageType.TASK_ASSIGNMENT, assigned)
        scouts.on_message(skep.MessageType.COORDINATION_REQUEST, asked)
        print("scout hears:", ", ".join(scouts.subscriptions))
        for number in (1, 2, 3):
            await leads.send(scout.id, "task_assignment", f"field {number}")
        await done.wait()
        # A question of the same sender waits its turn behind the assignments.
        print("lead asked:", await leads.ask(scout.id, "coordination_request", "How many?"))
        print("tried:", tries, "times for", len(await scouts.history()) - 1, "assignments")


asyncio.run(main())
