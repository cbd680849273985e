"""Microsoft agent-framework: `Agent.run` on a chat client of its own parts."""

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    Content,
    FunctionInvocationLayer,
    Message,
    tool,
)
from bench.stage.agents import ANSWER, PROMPT, TOOL, Framework, main


class ScriptedClient(FunctionInvocationLayer, BaseChatClient):
    def __init__(self, script):
        super().__init__()
        self.script = script

    def _inner_get_response(self, *, messages, stream, options, **kwargs):
        return self._answer(messages)

    async def _answer(self, messages):
        answers = sum(message.role == "assistant" for message in messages)
        if await self.script.asks_for_tool(answers):
            part = Content.from_function_call(f"call-{answers}", TOOL, arguments={"name": "x"})
        else:
            part = Content.from_text(ANSWER)
        return ChatResponse(messages=[Message("assistant", [part])])


class AgentFramework(Framework):
    async def open(self):
        @tool(name=TOOL, approval_mode="never_require")
        def look_up(name: str) -> str:
            """Look something up."""
            return self.script.tool(name)

        self.agent = Agent(ScriptedClient(self.script), tools=[look_up])

    async def run(self):
        return (await self.agent.run(PROMPT)).text


if __name__ == "__main__":
    main(AgentFramework)
