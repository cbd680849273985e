"""A step that was recorded is not made again, although its process was killed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import skep

STORE = "sqlite:///orders.db"
TASK = skep.TaskSpec(
    key=skep.TaskKey("order"), agent="clerk", kind=skep.AgentKind.FUNCTION, input="tea"
)


async def charge(what: str) -> str:
    note(f"charged for {what}\n")
    return "receipt 1"


def note(line: str) -> None:
    with Path("ledger.txt").open("a") as ledger:
        ledger.write(line)


@skep.agent("clerk")
async def take_order(task: skep.TaskContext, what: str) -> str:
    receipt = await task.step("charge", charge, what)
    if task.attempt == 1:
        os.abort()  # the power fails, at the worst moment but one
    return f"{what}: {receipt}, in attempt {task.attempt}"


async def work() -> None:
    async with skep.open(STORE) as hive:
        # The id makes the submission safe to repeat: the second life finds the swarm of the first.
        swarm = await hive.submit("Take an order", [TASK], swarm="orders-of-today")
        print(await swarm.result())


if len(sys.argv) > 1:
    asyncio.run(work())
else:
    for life in ("first", "second"):
        ran = subprocess.run(
            [sys.executable, __file__, life], check=False, capture_output=True, text=True
        )
        print(f"{life} life:", ran.stdout.strip() or "killed")
    print("ledger:", Path("ledger.txt").read_text().strip())
