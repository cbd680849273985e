"""OpenAI Agents SDK: `Runner.run` on a scripted model, tracing off."""

from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from bench.stage.agents import ANSWER, PROMPT, TOOL, Framework, main
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

set_tracing_disabled(True)


class ScriptedModel(Model):
    def __init__(self, script):
        self.script = script

    async def get_response(self, system_instructions, input, *args, **kwargs):  # noqa: A002 - theirs
        items = [] if isinstance(input, str) else input
        answers = sum(item.get("type") == "function_call" for item in items)
        if await self.script.asks_for_tool(answers):
            call = ResponseFunctionToolCall(
                type="function_call",
                name=TOOL,
                arguments='{"name": "x"}',
                call_id=f"call-{answers}",
            )
            return ModelResponse(output=[call], usage=Usage(), response_id=None)
        text = ResponseOutputText(type="output_text", text=ANSWER, annotations=[])
        message = ResponseOutputMessage(
            id="1", type="message", role="assistant", status="completed", content=[text]
        )
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise NotImplementedError


class OpenAiAgents(Framework):
    async def open(self):
        @function_tool(name_override=TOOL)
        def look_up(name: str) -> str:
            """Look something up."""
            return self.script.tool(name)

        model = ScriptedModel(self.script)
        self.agent = Agent(name="bench", model=model, tools=[look_up])

    async def run(self):
        return (await Runner.run(self.agent, PROMPT)).final_output


if __name__ == "__main__":
    main(OpenAiAgents)
