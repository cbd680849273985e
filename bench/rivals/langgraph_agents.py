"""LangGraph: langchain's `create_agent` on a scripted chat model."""

from typing import Any

from bench.stage.agents import ANSWER, PROMPT, TOOL, Framework, main
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool


class ScriptedModel(BaseChatModel):
    script: Any = None

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, *args, **kwargs):
        raise NotImplementedError

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        answers = sum(isinstance(message, AIMessage) for message in messages)
        message = AIMessage(ANSWER)
        if await self.script.asks_for_tool(answers):
            call = {"name": TOOL, "args": {"name": "x"}, "id": f"call-{answers}"}
            message = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


class LangGraphAgents(Framework):
    async def open(self):
        @tool(TOOL)
        async def look_up(name: str) -> str:
            """Look something up."""
            return self.script.tool(name)

        self.agent = create_agent(ScriptedModel(script=self.script), tools=[look_up])

    async def run(self):
        asked = {"messages": [{"role": "user", "content": PROMPT}]}
        return (await self.agent.ainvoke(asked))["messages"][-1].content


if __name__ == "__main__":
    main(LangGraphAgents)
