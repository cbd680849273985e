"""A language model drafts the plan: what is wrong with it goes back in words, and it is mended.

The model here is a function, so nothing is called outside; say the name of a real one instead.
"""

import asyncio
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import skep


def row(key: str, agent: str, *after: str) -> dict[str, Any]:
    text = {"title": f"Do {key}", "instructions": f"Do {key} well."}
    return {"key": key, "agent": agent, **text, "after": list(after)}


FIRST = {"tasks": [row("taste", "cook"), row("count", "cartographer")]}
MENDED = {
    "assumptions": "The menu is the one in this folder.",
    "tasks": [
        row("taste", "researcher"),
        row("count", "cartographer"),
        row("verdict", "synthesizer", "taste", "count"),
    ],
}


def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    if not info.output_tools:  # an agent at work, not the planner
        return ModelResponse(parts=[TextPart("The soup is missing.")])
    if len(messages) == 1:
        return ModelResponse(parts=[ToolCallPart("final_result", FIRST)])
    told = messages[-1].parts[0]
    assert isinstance(told, ToolReturnPart)
    print("told:", told.model_response_str()[:66], "...")
    return ModelResponse(parts=[ToolCallPart("final_result", MENDED)])


async def main() -> None:
    async with skep.open("memory:", models={"mine": FunctionModel(answer)}) as hive:
        swarm = await hive.submit("Review the menu", model="mine")
        result = await swarm.result()
        for task in await swarm.tasks():
            after = ", ".join(task.spec.after) or "nothing"
            print(f"{task.ref.key:<8} {task.spec.agent:<13} after {after}")
    print("result:", result)


asyncio.run(main())
