"""A depot: one store, one queue, and workers that are real processes.

Nothing here waits for time to pass: a worker tells in a line what it does, and events tell when.
"""

import json
import signal
from dataclasses import dataclass, field
from typing import Any

from tests.cli.shell import Begun, Shell

HANDS = '''
"""Function agents that a worker brings."""

import asyncio
import os

import skep


@skep.agent("quick")
async def quick(task: skep.TaskContext) -> int:
    """Tell which process does it."""
    return os.getpid()


@skep.agent("hang")
async def hang(task: skep.TaskContext) -> int:
    """Hang at the first attempt, and only there."""
    if task.attempt == 1:
        await asyncio.Event().wait()
    return os.getpid()


@skep.agent("gated")
async def gated(task: skep.TaskContext) -> int:
    """Wait until somebody writes to the gate."""
    await asyncio.to_thread(lambda: open("gate").read())
    return os.getpid()


@skep.agent("payer")
async def payer(task: skep.TaskContext, expires_s: float | None = None) -> None:
    """Ask before it pays."""
    detail = {"to": "Zoë", "cents": 250}
    decision = await task.approval("pay", "Pay 250?", detail=detail, expires_s=expires_s)
    said = (decision.verdict, decision.by, decision.reason, str(decision.approved))
    task.leave("said", "|".join(said))


@skep.agent("torn")
async def torn(task: skep.TaskContext) -> None:
    """Ask, and at the first attempt hang before the attempt can end."""
    try:
        task.leave("said", (await task.approval("go", "Go on?")).verdict)
    finally:
        if task.attempt == 1:
            await asyncio.Event().wait()
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """Starts workers, hands in swarms, and reads what became of them."""

    shell: Shell
    queue: str
    workers: list[Begun] = field(default_factory=list[Begun])

    def worker(self, *arguments: str) -> Begun:
        """Start a worker with the function agents, and wait until it is ready."""
        begun = self.shell.begin(
            "work", "--queues", self.queue, "--import", "hands", "--slots", "1", *arguments
        )
        self.workers.append(begun)
        begun.until("Ready: ")
        return begun

    def submit(self, *agents: str, **given: float) -> str:
        """Hand in a swarm with a task of each function agent; gives its id."""
        tasks = [
            {"key": f"{agent}-{place}", "agent": agent, "kind": "function", "input": given or None}
            for place, agent in enumerate(agents)
        ]
        plan = self.shell.folder / "plan.json"
        plan.write_text(json.dumps({"objective": "Lend a hand", "tasks": tasks}))
        return self.detached("--plan", "plan.json")

    def detached(self, *arguments: str) -> str:
        """Run something detached; gives the swarm's id."""
        done = self.shell.skep("run", "--detach", "--queue", self.queue, "--json", *arguments)
        assert done.code == 0, done.err + done.out
        return done.json["swarm"]

    def until(self, swarm: str, kind: str) -> None:
        """Follow a swarm until something has happened in it."""
        following = self.shell.begin("swarm", "events", swarm, "--follow", "--json")
        self.workers.append(following)
        following.until(f'"{kind}"')

    def asked(self, swarm: str, *options: str) -> dict[str, str]:
        """The one question of a swarm."""
        done = self.shell.skep("approvals", "list", "--swarm", swarm, "--json", *options)
        [approval] = done.json["approvals"]
        return approval

    def said(self, swarm: str) -> str:
        """What the agent of a swarm left as `said`."""
        return self.shell.skep("swarm", "artifacts", swarm, "said").out.strip()

    def watched(self, swarm: str) -> None:
        """Watch a swarm to its end, which must be a good one."""
        done = self.shell.skep("swarm", "watch", swarm)
        assert done.code == 0, done.err + done.out

    def events(self, swarm: str, *kinds: str) -> list[Any]:
        """The events of a swarm, of these kinds or of all."""
        lines = self.shell.skep("swarm", "events", swarm, "--json").out.splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if not kinds or event["kind"] in kinds]

    def claimants(self, swarm: str) -> list[str]:
        """The workers that took tasks, in the order of the claims."""
        return [event["data"]["worker"] for event in self.events(swarm, "task.claimed")]


def told_to_stop(worker: Begun) -> tuple[int, str]:
    """Tell a worker to stop; gives its exit code and all that it printed."""
    worker.send(signal.SIGTERM)
    return worker.end()


def killed(worker: Begun) -> None:
    """Kill a worker as kill -9 does."""
    worker.send(signal.SIGKILL)
    worker.end()
