"""The offline model, asked as any model is asked."""

from collections.abc import Mapping, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from skep.agent.offline import OfflineModel
from skep.records.values import Json

NEEDY: dict[str, Json] = {"type": "object", "properties": {"path": {}}, "required": ["path"]}
OPENING = "Objective of the swarm: Audit this\nrepository\n\nYour task: Count"
EMPTY_TODOS: dict[str, Json] = {
    "scope": {"git": False, "files": 3, "file_bytes_max": 1, "skipped": []},
    "total": 0,
    "markers": {"TODO": 0},
    "files_with_markers": 0,
    "files": [],
    "items": [],
    "items_omitted": 0,
}


def tool(name: str, schema: Mapping[str, Json] | None = None) -> ToolDefinition:
    wanted: Mapping[str, Json] = schema or {"type": "object"}
    return ToolDefinition(name=name, parameters_json_schema=dict(wanted))


def prompt(*texts: str) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(content=text) for text in texts])


async def ask(
    messages: Sequence[ModelMessage], tools: Sequence[ToolDefinition] = ()
) -> ModelResponse:
    parameters = ModelRequestParameters(function_tools=list(tools))
    return await OfflineModel().request(list(messages), None, parameters)


def text_of(response: ModelResponse) -> str:
    (part,) = response.parts
    assert isinstance(part, TextPart)
    return part.content


async def test_it_calls_its_tools_once_each_in_order() -> None:
    """First come the analyses that need no argument, in the order of the role."""
    tools = [tool("todos"), tool("read_file", NEEDY), tool("list_files"), tool("churn")]

    response = await ask([prompt(OPENING)], tools)

    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    assert [(call.tool_name, call.args) for call in calls] == [("todos", {}), ("churn", {})]
    assert len(calls) == len(response.parts)


async def test_without_an_analysis_it_calls_what_needs_no_argument() -> None:
    """A role of plain tools gets those used that need nothing said."""
    response = await ask([prompt(OPENING)], [tool("search", NEEDY), tool("list_files")])

    assert [part.tool_name for part in response.parts if isinstance(part, ToolCallPart)] == [
        "list_files"
    ]


async def test_it_reports_what_the_tools_returned() -> None:
    """Once they have answered, it writes one report of all and signs it as what it is."""
    tools = [tool("todos"), tool("churn")]
    asked = await ask([prompt(OPENING)], tools)
    returned = ModelRequest(
        parts=[
            ToolReturnPart(tool_name="todos", content=EMPTY_TODOS, tool_call_id="call-todos"),
            ToolReturnPart(
                tool_name="churn", content="git is gone", tool_call_id="c", outcome="retried"
            ),
        ]
    )

    text = text_of(await ask([prompt(OPENING), asked, returned], tools))

    assert text == (
        "No line is marked TODO in 3 files. The tool `churn` gave no figures: git is gone\n\n"
        "*Written by the offline model (fixed rules, no language model) from the tools `todos` and"
        " `churn`.*"
    )


async def test_without_tools_it_has_nothing_to_say() -> None:
    """It invents nothing: a task that it has no tool for is answered so."""
    text = text_of(await ask([prompt(OPENING)]))

    assert text.startswith("The offline model has no tool for this task that it could call")


async def test_reports_of_others_become_a_synthesis() -> None:
    """Handed reports, it joins them under the whole objective."""
    found = "Report of task a-b by agent ann: succeeded\n\nAll is well."
    lost = "Report of task c by agent bob: failed\n\nno luck"

    text = text_of(await ask([prompt(OPENING, found, lost)], [tool("read_file", NEEDY)]))

    assert text.startswith("# Audit this repository\n\n*Written by the offline model:")
    assert "- **A b**: All is well.\n- **C** failed: no luck." in text


async def test_its_own_findings_join_the_synthesis() -> None:
    """An agent with both tools and others' reports loses neither."""
    found = "Report of task a by agent ann: succeeded\n\nAll is well."
    returned = ModelRequest(
        parts=[ToolReturnPart(tool_name="todos", content=EMPTY_TODOS, tool_call_id="call-todos")]
    )

    text = text_of(await ask([prompt(OPENING, found), returned], [tool("todos")]))

    assert "- **A**: All is well.\n- **Count**: No line is marked TODO in 3 files." in text


async def test_the_same_question_has_the_same_answer() -> None:
    """Calls and texts are the same to the letter, so that a run made again does not diverge."""
    first, second = [await ask([prompt(OPENING)], [tool("todos")]) for _ in range(2)]

    assert first.parts == second.parts
