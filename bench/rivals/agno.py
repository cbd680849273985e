"""agno: `Agent.arun` on a scripted model, telemetry off."""

import json
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse
from bench.stage.agents import ANSWER, PROMPT, TOOL, Framework, main


@dataclass
class ScriptedModel(Model):
    id: str = "scripted"
    script: Any = None

    async def ainvoke(self, messages, assistant_message, **kwargs):
        answers = sum(message.role == "assistant" for message in messages)
        if not await self.script.asks_for_tool(answers):
            return ModelResponse(role="assistant", content=ANSWER)
        function = {"name": TOOL, "arguments": json.dumps({"name": "x"})}
        call = {"id": f"call-{answers}", "type": "function", "function": function}
        return ModelResponse(role="assistant", tool_calls=[call])

    def invoke(self, *args, **kwargs):
        raise NotImplementedError

    def invoke_stream(self, *args, **kwargs):
        raise NotImplementedError

    def ainvoke_stream(self, *args, **kwargs):
        raise NotImplementedError

    def _parse_provider_response(self, response, **kwargs):
        return response

    def _parse_provider_response_delta(self, response):
        return response


class Agno(Framework):
    async def open(self):
        def look_up(name: str) -> str:
            """Look something up."""
            return self.script.tool(name)

        self.agent = Agent(
            model=ScriptedModel(script=self.script), tools=[look_up], telemetry=False
        )

    async def run(self):
        return (await self.agent.arun(PROMPT)).content


if __name__ == "__main__":
    main(Agno)
