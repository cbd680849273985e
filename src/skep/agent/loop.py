"""The loop of an LLM agent: prompt, model, tools, model, …, result.

Journal and cancellation sit here, and budget and approvals will, which is why the loop is ours
(docs/adr/0009); models, messages and tool schemas are pydantic-ai's. Every model request and every
tool call is one journaled step, so a takeover goes through the same loop and finds its answers
in the journal until it comes to where its predecessor died.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_core import to_jsonable_python

from skep.agent.brief import Brief, Work
from skep.agent.conversation import Conversation, nudge, opening, results, tool_result
from skep.agent.failures import AttemptFailed
from skep.agent.models import model_failure
from skep.agent.toolbox import Toolbox, ToolRefusal
from skep.agent.tools.shelf import SHELF
from skep.agent.workspace import Workspace
from skep.records.errors import AgentUnknown, InvalidInput, SkepError
from skep.records.outcome import ErrorClass, Failure
from skep.records.role import Charter, Role
from skep.records.step import Effect
from skep.records.task import AgentKind
from skep.records.values import Json, canonical

TURNS_MAX: Final = 50
"""Model requests in one run."""

EMPTY_ANSWERS_MAX: Final = 2
"""Answers without text or call before the attempt fails."""

TOOL_FAILED: Final = "$failed"
"""The one key of a tool step's value when the tool refused."""

ModelOf = Callable[[str], Model]


@dataclass(slots=True)
class _Talk:
    """What the loop knows while it goes round."""

    brief: Brief
    role: Role
    model: Model
    toolbox: Toolbox
    parameters: ModelRequestParameters
    conversation: Conversation
    results: dict[str, Json] = field(default_factory=dict[str, Json])
    empty_answers: int = 0


class LoopPerformer:
    """Performs tasks of kind `llm`. `model_of` opens the model that a charter names."""

    kind = AgentKind.LLM

    def __init__(self, model_of: ModelOf) -> None:
        self._model_of = model_of

    async def perform(self, brief: Brief) -> Work:
        """Converse with the role's model until it answers without asking for a tool."""
        talk = _begin(brief, self._model_of)
        for turn in range(1, TURNS_MAX + 1):
            response = await _ask(talk, turn)
            talk.conversation.extend(response)
            calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
            if calls:
                answers = [
                    _use(talk, call, path=_path(turn, place, call))
                    for place, call in enumerate(calls)
                ]
                talk.conversation.extend(results(await asyncio.gather(*answers)))
            elif text := _text(response):
                return _work(talk, text)
            else:
                _allow_an_empty_answer(talk)
        raise _gave_up(f"It asked for more than {TURNS_MAX} turns.")


def _begin(brief: Brief, model_of: ModelOf) -> _Talk:
    charter = _charter(brief)
    role = charter.roles.get(brief.grant.spec.agent)
    if role is None:
        raise AgentUnknown(name=brief.grant.spec.agent, known=tuple(sorted(charter.roles)))
    toolbox = Toolbox(role.tools, charter=charter, workspace=_workspace(brief))
    definitions = toolbox.definitions()
    ground = cast("Json", to_jsonable_python([charter.model, definitions]))
    return _Talk(
        brief=brief,
        role=role,
        model=model_of(charter.model),
        toolbox=toolbox,
        parameters=ModelRequestParameters(function_tools=definitions),
        conversation=Conversation(opening(brief, role), ground=ground),
    )


async def _ask(talk: _Talk, turn: int) -> ModelResponse:
    """Make one model request, or find its recorded answer."""

    async def made() -> Json:
        try:
            response = await talk.model.request(talk.conversation.messages, None, talk.parameters)
        except Exception as error:
            raise AttemptFailed(model_failure(error)) from error
        return cast("Json", ModelMessagesTypeAdapter.dump_python([response], mode="json")[0])

    stored = await talk.brief.journal.step(
        f"turn/{turn}/model", talk.conversation.fingerprint, made, effect=Effect.PURE
    )
    (response,) = ModelMessagesTypeAdapter.validate_python([stored])
    return cast("ModelResponse", response)


def _path(turn: int, place: int, call: ToolCallPart) -> str:
    return f"turn/{turn}/tool/{place}:{call.tool_name}"


async def _use(talk: _Talk, call: ToolCallPart, *, path: str) -> ToolReturnPart:
    """Make one tool call, or find its recorded result; a call that does not fit is not made."""
    args = talk.toolbox.checked(call.tool_name, call.args)
    if isinstance(args, ToolRefusal):
        return tool_result(call, args)

    async def made() -> Json:
        try:
            return await talk.toolbox.use(call.tool_name, args)
        except SkepError as error:
            return {TOOL_FAILED: error.message}

    request = cast("Json", to_jsonable_python([call.tool_name, args]))
    effect = talk.toolbox.effect(call.tool_name)
    value = await talk.brief.journal.step(path, request, made, effect=effect)
    if isinstance(value, dict) and set(value) == {TOOL_FAILED}:
        return tool_result(call, ToolRefusal(reason=str(value[TOOL_FAILED])))
    talk.results[call.tool_name] = value
    return tool_result(call, value)


def _work(talk: _Talk, text: str) -> Work:
    """The agent's text is its value; what its tools returned is left beside it as artefacts."""
    pieces: Mapping[str, tuple[str, bytes]] = {
        f"findings/{name}.json": ("application/json", canonical(value).encode())
        for name, value in talk.results.items()
        if SHELF[name].is_analysis
    }
    return Work(value={"text": text}, pieces=pieces)


def _text(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()


def _allow_an_empty_answer(talk: _Talk) -> None:
    talk.empty_answers += 1
    if talk.empty_answers > EMPTY_ANSWERS_MAX:
        raise _gave_up("It answered with nothing, again and again.")
    talk.conversation.extend(nudge("Your answer was empty. Answer, or call a tool."))


def _gave_up(reason: str) -> AttemptFailed:
    failure = Failure(error_class=ErrorClass.PERMANENT, code="model_gave_up", message=reason)
    return AttemptFailed(failure)


def _charter(brief: Brief) -> Charter:
    if brief.charter is None:
        raise InvalidInput(
            f"Task {brief.grant.spec.key!r} is for a language model, but the swarm has no charter.",
            hint="Submit it through the library or the command line, which make one.",
        )
    return brief.charter


def _workspace(brief: Brief) -> Workspace:
    return Workspace(Path(brief.swarm.request.workspace or "."))
