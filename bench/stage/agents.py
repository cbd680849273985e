"""The agent rows, played the same way for every framework: scripted models, no network.

One run of an agent is three turns: the model asks for the tool, asks for it again, and answers.
Each framework has its own scripted model, which takes its lines from the one `Script` here; the
script counts what was asked of it, and that is how the runs are checked.
"""

import asyncio
import json
import resource
from collections.abc import Callable
from typing import Final

from bench.stage.contestant import Figures, Stopwatch
from bench.stage.engine import Wrong
from bench.stage.order import Order
from bench.stage.order import order as order_here
from bench.stage.workers import rss_bytes

TOOL: Final = "look_up"
ANSWER: Final = "There is one result."
AT_ONCE: Final = 64
WARM_UP: Final = 5
PROMPT: Final = "Look it up twice, and say what there is."


class Script:
    """What every scripted model says, and how often it was asked."""

    def __init__(self, asked: Order) -> None:
        self._seconds = asked.seconds if asked.row == "waiting" else 0.0
        self._turns = asked.turns
        self._payload = asked.payload
        self.requests = 0
        self.calls = 0

    async def asks_for_tool(self, answers_so_far: int) -> bool:
        """Say whether the next line is a tool call; the first line of a run may take its time."""
        self.requests += 1
        if answers_so_far == 0 and self._seconds:
            await asyncio.sleep(self._seconds)
        return answers_so_far < self._turns - 1

    def tool(self, name: str) -> str:
        """The tool: answers at once."""
        del name
        self.calls += 1
        return self._payload


class Framework:
    """An agent framework with one agent, made once and run often."""

    def __init__(self, asked: Order, script: Script) -> None:
        self.order = asked
        self.script = script

    async def open(self) -> None:
        """Make the agent."""

    async def close(self) -> None:
        """Let go of everything."""

    async def run(self) -> str:
        """Run the agent once; gives its answer."""
        raise NotImplementedError

    async def run_all(self, number: int, *, at_once: int) -> list[str]:
        """Run the agent so many times, so many at once."""
        left = iter(range(number))
        answers: list[str] = []

        async def runner() -> None:
            answers.extend([await self.run() for _ in left])

        await asyncio.gather(*(runner() for _ in range(at_once)))
        return answers


def main(framework: Callable[[Order, Script], Framework]) -> None:
    """Play the row of this process's order, and print its figures as the last line."""
    asyncio.run(played(framework, order_here()))


async def played(make: Callable[[Order, Script], Framework], asked: Order) -> None:
    """Play one row from opening to closing."""
    script = Script(asked)
    framework = make(asked, script)
    await framework.open()
    figures = await (waiting if asked.row == "waiting" else turns)(framework, script)
    await framework.close()
    print(json.dumps(figures), flush=True)


async def turns(framework: Framework, script: Script) -> Figures:
    """The framework's own time for one turn, with many runs side by side."""
    await framework.run_all(WARM_UP, at_once=1)
    before = (script.requests, script.calls)
    number = framework.order.count
    watch = Stopwatch()
    answers = await framework.run_all(number, at_once=min(AT_ONCE, number))
    seconds = watch.s
    asked = (script.requests - before[0], script.calls - before[1])
    check(answers, framework.order, asked=asked)
    return {"turn": seconds / (number * framework.order.turns) * 1e6}


async def waiting(framework: Framework, script: Script) -> Figures:
    """Agents that all wait for their model at once: how long they take, and what each weighs."""
    number = framework.order.count
    before = rss_bytes()
    watch = Stopwatch()
    answers = await framework.run_all(number, at_once=number)
    seconds = watch.s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    check(answers, framework.order, asked=(script.requests, script.calls))
    return {"waiting": seconds, "waiting_each": (peak - before) / number / 1024}


def check(answers: list[str], order: Order, *, asked: tuple[int, int]) -> None:
    """See that every run ended with the answer after its turns, with a tool call in all but one."""
    number, turns = order.count, order.turns
    right = sum(ANSWER in answer for answer in answers)
    if right != number:
        raise Wrong(f"{number - right} of {number} runs have no answer")
    if asked != (number * turns, number * (turns - 1)):
        raise Wrong(f"{asked[0]} requests and {asked[1]} tool calls for {number} runs")
