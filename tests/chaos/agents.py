"""The agents of the rig: their calls go out over HTTP, and what they return is a sum.

Each outcome names the attempt that made it, so that the oracle can tell whose outcome was stored.
A worker brings them by `--import tests.chaos.agents`.
"""

import os
import time
from pathlib import Path
from typing import Any, Final

from tests.chaos.plans import spec_of
from tests.chaos.sums import Part, kids_of
from tests.chaos.web import post

import skep
from skep.agent.failures import AttemptFailed
from skep.records.outcome import ErrorClass, Failure

WORLD: Final = Path(os.environ["CHAOS_WORLD"])
LIFE: Final = os.environ["CHAOS_LIFE"]
PROVIDER: Final = (WORLD / "provider.url").read_text()
EFFECTS: Final = (WORLD / "effects.url").read_text()
QUOTA_S: Final = 0.5


@skep.agent("ask")
async def ask(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Ask the provider some questions."""
    answers = [await asked(task, n + i, size=size, key=str(i)) for i in range(steps)]
    return done(task, sum(answer["answer"] + len(answer["text"]) for answer in answers))


@skep.agent("charge")
async def charge(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Ask what is to be paid, and pay."""
    answer = await asked(task, n, key="0")
    paid = await wrought(task, "payments", n, effect=skep.Effect.IDEMPOTENT)
    return done(task, answer["answer"] + paid["receipt"])


@skep.agent("letter")
async def letter(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Send a letter, which must not be sent twice."""
    sent = await wrought(task, "letters", n, effect=skep.Effect.ONCE)
    return done(task, sent["receipt"])


@skep.agent("flaky")
async def flaky(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Fail between two steps, the first time."""
    answers = [(await asked(task, n, key="0"))["answer"]]
    if task.attempt == 1:
        raise ConnectionError("something went wrong between two steps")
    answers += [(await asked(task, n + i, key=str(i)))["answer"] for i in range(1, steps)]
    return done(task, sum(answers))


@skep.agent("quota")
async def quota(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Be told to come back later, the first time."""
    answer = await asked(task, n, key="0")
    if task.attempt == 1:
        raise AttemptFailed(
            Failure(
                error_class=ErrorClass.QUOTA,
                code="quota",
                message="come back later",
                retry_at=time.time() + QUOTA_S,
            )
        )
    return done(task, answer["answer"])


@skep.agent("brood")
async def brood(task: skep.TaskContext, n: int, steps: int, size: int, kids: int) -> dict[str, int]:
    """Ask, and let others ask more."""
    answer = await asked(task, n, key="0")
    hen = Part(key=task.key, agent="brood", n=n, kids=kids)
    await task.spawn([spec_of(kid) for kid in kids_of(hen)])
    return done(task, answer["answer"])


@skep.agent("leaf")
async def leaf(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Do next to nothing."""
    return done(task, n)


@skep.agent("total")
async def total(task: skep.TaskContext, n: int, steps: int, size: int) -> dict[str, int]:
    """Add up what the others came to."""
    found: list[Any] = [finding.value for finding in task.findings.values()]
    return done(task, sum(value["sum"] for value in found))


def done(task: skep.TaskContext, total: int) -> dict[str, int]:
    """Say what an attempt came to, and which attempt it was."""
    return {"sum": total, "attempt": task.attempt}


async def asked(task: skep.TaskContext, n: int, *, key: str, size: int = 0) -> dict[str, Any]:
    """Ask the provider in a step."""
    headers = {"Idempotency-Key": task.idempotency_key("ask", key=key)}

    async def call(n: int, size: int) -> Any:
        body = {"n": n, "size": size, "caller": caller(task)}
        return await post(PROVIDER, headers, body)

    return await task.step("ask", call, n, size, key=key, effect=skep.Effect.PURE)


async def wrought(
    task: skep.TaskContext, what: str, amount: int, *, effect: skep.Effect
) -> dict[str, Any]:
    """Have an effect in the world in a step."""
    headers = {"Idempotency-Key": task.idempotency_key(what)}

    async def call(amount: int) -> Any:
        body = {"amount": amount, "caller": caller(task)}
        return await post(f"{EFFECTS}/{what}", headers, body)

    return await task.step(what, call, amount, effect=effect)


def caller(task: skep.TaskContext) -> dict[str, Any]:
    """Who makes a call, and since when: told to the world, not to Skep."""
    return {
        "life": LIFE,
        "attempt": task.attempt,
        "asked_at": time.time(),
        "objective": task.objective,
        "task": task.key,
    }
