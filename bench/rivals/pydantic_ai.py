"""pydantic-ai: one Agent, reused, on a function model."""

from bench.stage.agents import ANSWER, PROMPT, TOOL, Framework, main
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel


class PydanticAi(Framework):
    async def open(self):
        self.agent = Agent(FunctionModel(self._answer))
        self.agent.tool_plain(self.script.tool, name=TOOL)

    async def run(self):
        return (await self.agent.run(PROMPT)).output

    async def _answer(self, messages, info):
        answers = sum(isinstance(message, ModelResponse) for message in messages)
        if await self.script.asks_for_tool(answers):
            return ModelResponse(parts=[ToolCallPart(TOOL, {"name": "x"}, f"call-{answers}")])
        return ModelResponse(parts=[TextPart(ANSWER)])


if __name__ == "__main__":
    main(PydanticAi)
