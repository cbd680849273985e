"""Skep in the agent rows: LLM agents submitted as plans, every call a journaled step.

The tool is `read_file` on a file of the payload's size, which is more than the rivals' tool does.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from typing_extensions import override

import skep
from bench.stage.agents import ANSWER, AT_ONCE, PROMPT, Framework, Script, main
from bench.stage.order import Order

AGENTS: Final = 1_000
"""Tasks of one swarm that may run at once: the engine's limit."""
FILE: Final = "note.txt"
MODEL: Final = "script"
TOOL: Final = "read_file"
ROLE: Final = f"""---
name: bencher
description: Reads a file twice.
kind: llm
tools: [{TOOL}]
---

You look things up.
"""


class ScriptedModel(Model):
    """Says the script's lines, and counts the tool results that came back to it."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    @property
    @override
    def model_name(self) -> str:
        return MODEL

    @property
    @override
    def system(self) -> str:
        return MODEL

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        last = messages[-1]
        if isinstance(last, ModelRequest):
            self._script.calls += sum(isinstance(part, ToolReturnPart) for part in last.parts)
        answers = sum(isinstance(message, ModelResponse) for message in messages)
        if await self._script.asks_for_tool(answers):
            return ModelResponse(parts=[ToolCallPart(TOOL, {"path": FILE}, f"call-{answers}")])
        return ModelResponse(parts=[TextPart(ANSWER)])


class SkepAgents(Framework):
    """Skep with its worker in this process, on the store in memory or on SQLite FULL."""

    def __init__(self, asked: Order, script: Script) -> None:
        super().__init__(asked, script)
        self._folder = Path(asked.folder)
        self._stack = AsyncExitStack()
        self._hives: list[skep.Fleet] = []

    @override
    async def open(self) -> None:
        role = self._folder / ".skep" / "agents" / "bencher.md"
        role.parent.mkdir(parents=True)
        role.write_text(ROLE)
        (self._folder / FILE).write_text(self.order.payload)
        sqlite = f"sqlite:///{self._folder / 'skep.db'}"
        hive = skep.open(
            "memory:" if self.order.variant == "memory" else sqlite,
            slots=AT_ONCE if self.order.row == "turns" else self.order.count,
            folder=self._folder,
            models={MODEL: ScriptedModel(self.script)},
        )
        self._hives.append(await self._stack.enter_async_context(hive))

    @override
    async def close(self) -> None:
        await self._stack.aclose()

    @override
    async def run_all(self, number: int, *, at_once: int) -> list[str]:
        answers: list[str] = []
        swarms = [await self._submit(min(AGENTS, number - n)) for n in range(0, number, AGENTS)]
        for swarm in swarms:
            await swarm.result()
            answers += [str(task.outcome) for task in await swarm.tasks()]
        return answers

    async def _submit(self, number: int) -> skep.SwarmHandle:
        (hive,) = self._hives
        return await hive.submit(
            PROMPT, self._plan(number), model=MODEL, max_agents=number, workspace=str(self._folder)
        )

    def _plan(self, number: int) -> Sequence[skep.TaskSpec]:
        return [skep.TaskSpec(key=skep.TaskKey(f"run-{n}"), agent="bencher") for n in range(number)]


if __name__ == "__main__":
    main(SkepAgents)
