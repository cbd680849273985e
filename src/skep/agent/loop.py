"""The loop of an LLM agent: prompt, model, tools, model, …, result.

Journal, approvals and cancellation sit here, and budget will, which is why the loop is ours
(docs/adr/0009); models, messages and tool schemas are pydantic-ai's. Every model request and every
tool call is one journaled step, so a takeover goes through the same loop and finds its answers
in the journal until it comes to where its predecessor died.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_core import to_jsonable_python

from skep.agent.approving import AwaitsDecision
from skep.agent.asking import Asker
from skep.agent.attachments import attached
from skep.agent.brief import Brief, Work
from skep.agent.conversation import Conversation, nudge, opening, results, tool_result
from skep.agent.drafting import returns_of
from skep.agent.failures import AttemptFailed
from skep.agent.faults import fault_failure
from skep.agent.gatekeeping import Door
from skep.agent.guarding import forbidden
from skep.agent.kit import Kit, Kits
from skep.agent.returns import FINAL_RESULT
from skep.agent.talk import Talk
from skep.agent.toolbox import Toolbox, ToolRefusal
from skep.agent.tools.shelf import SHELF
from skep.agent.turn import ask
from skep.agent.workspace import Workspace
from skep.policy.faults import Fault
from skep.records.errors import InvalidInput, SkepError
from skep.records.outcome import ErrorClass, Failure
from skep.records.role import Charter
from skep.records.task import AgentKind
from skep.records.values import Json, canonical

TURNS_MAX: Final = 50
"""Model requests in one run."""

EMPTY_ANSWERS_MAX: Final = 2
"""Answers without text or call before the attempt fails."""

LENGTH_STOPS_MAX: Final = 3
"""How often an answer may be cut short by its own length and gone on with."""

TOOL_FAILURES: Final = (SkepError, ModelRetry, ToolFailed)
"""What a tool raises to say why it gives nothing; the model reads it."""

TOOL_FAILED: Final = "$failed"
"""The one key of a tool step's value when the tool refused."""


class LoopPerformer:
    """Performs tasks of kind `llm` with the models that `asker` can ask."""

    kind = AgentKind.LLM

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._kits = Kits()

    async def perform(self, brief: Brief) -> Work:
        """Converse with the role's model until it answers without asking for a tool."""
        charter = _charter(brief)
        kit = self._kits.of(charter, brief.grant.spec.agent, digest=brief.request.charter)
        talk = await _begin(brief, kit, self._asker)
        try:
            work = await _converse(talk)
        except Exception:
            with suppress(SkepError):
                await brief.journal.flush()
            raise
        await brief.journal.flush()
        return work


async def _converse(talk: Talk) -> Work:
    for turn in range(1, TURNS_MAX + 1):
        response = await ask(talk, turn)
        talk.conversation.extend(response)
        work = await _follow(talk, response, turn=turn)
        if work is not None:
            return work
    raise _gave_up(f"It asked for more than {TURNS_MAX} turns.")


async def _begin(brief: Brief, kit: Kit, asker: Asker) -> Talk:
    workspace, role = Workspace(Path(brief.request.workspace or ".")), kit.role
    returns = await returns_of(brief, kit.charter, role)
    files = await attached(brief, workspace)
    return Talk(
        brief=brief,
        role=role,
        chain=kit.chain,
        asker=asker.at(Door(gates=brief.store.gates, clock=brief.clock, chance=brief.chance)),
        toolbox=Toolbox(role.tools, charter=kit.charter, workspace=workspace),
        returns=returns,
        parameters=returns.asked_for(kit.parameters),
        conversation=Conversation(
            opening(brief, role, files, words=returns.words),
            ground=kit.fingerprint_with(returns.ground),
        ),
    )


async def _follow(talk: Talk, response: ModelResponse, *, turn: int) -> Work | None:
    """Do what an answer asks for; gives the work when it was the last one."""
    _refuse_refusals(response)
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    text = _text(response)
    if calls:
        return await _use_all(talk, calls, turn=turn)
    if not text:
        _allow_an_empty_answer(talk)
    elif response.finish_reason == "length":
        _let_go_on(talk, text)
    elif talk.returns.is_asked:
        talk.returns.count_misfit()
        talk.conversation.extend(nudge(f"Give your result by calling {FINAL_RESULT}."))
    else:
        return _work(talk, {"text": "".join([*talk.begun, text]).strip()})
    return None


async def _use_all(talk: Talk, calls: Sequence[ToolCallPart], *, turn: int) -> Work | None:
    """Make the calls of one turn side by side, unless one of them hands in a fitting result."""
    for call in calls:
        if talk.returns.is_final(call) and not talk.returns.misfits(call):
            await talk.brief.journal.flush()
            return _work(talk, await talk.returns.taken_in(talk.returns.value(call)))
    if len(calls) > 1:
        await talk.brief.journal.flush()
    answers = [_use(talk, call, path=_path(turn, place, call)) for place, call in enumerate(calls)]
    talk.conversation.extend(results(await _all_of(answers)))
    return None


async def _all_of(answers: Sequence[Awaitable[ToolReturnPart]]) -> Sequence[ToolReturnPart]:
    """Let every call of a turn come to its end, then raise what ended any of them without one.

    A call that awaits a decision holds no other back: what those did is recorded.
    """
    if len(answers) == 1:
        return [await answers[0]]
    ended = await asyncio.gather(*answers, return_exceptions=True)
    raised = [each for each in ended if isinstance(each, BaseException)]
    for error in raised:
        if not isinstance(error, AwaitsDecision):
            raise error
    if raised:
        raise BaseExceptionGroup("Calls of one turn await decisions.", raised)
    return [each for each in ended if isinstance(each, ToolReturnPart)]


def _path(turn: int, place: int, call: ToolCallPart) -> str:
    return f"turn/{turn}/tool/{place}:{call.tool_name}"


async def _use(talk: Talk, call: ToolCallPart, *, path: str) -> ToolReturnPart:
    """Make one tool call, or find its recorded result; a call that does not fit is not made."""
    if talk.returns.is_final(call):
        return tool_result(call, talk.returns.refusal(call))
    args = talk.toolbox.checked(call.tool_name, call.args)
    if isinstance(args, ToolRefusal):
        return tool_result(call, args)
    refusal = await forbidden(talk.brief, talk.role, tool=call.tool_name, args=args, path=path)
    if refusal is not None:
        return tool_result(call, refusal)

    value = await _used(talk, call.tool_name, args, path=path)
    if isinstance(value, dict) and set(value) == {TOOL_FAILED}:
        return tool_result(call, ToolRefusal(reason=str(value[TOOL_FAILED])))
    talk.results[call.tool_name] = value
    return tool_result(call, value)


async def _used(talk: Talk, tool: str, args: dict[str, Any], *, path: str) -> Json:
    """Give the result of a call, as one step; that of a short one is stored with what follows."""
    journal, effect = talk.brief.journal, talk.toolbox.effect(tool)
    request = cast("Json", to_jsonable_python([tool, args]))
    may_be_at_once = tool not in talk.role.approve and not journal.is_begun(path)
    found = _found_at_once(talk, tool, args) if may_be_at_once else None
    if found is not None:
        return await journal.step_at_once(path, request, found, effect=effect)

    async def made() -> Json:
        try:
            return await talk.toolbox.use(tool, args)
        except TOOL_FAILURES as error:
            return {TOOL_FAILED: error.message}

    return await journal.step(path, request, made, effect=effect)


def _found_at_once(talk: Talk, tool: str, args: dict[str, Any]) -> Json:
    try:
        return talk.toolbox.use_at_once(tool, args)
    except TOOL_FAILURES as error:
        return {TOOL_FAILED: error.message}


def _work(talk: Talk, value: Json) -> Work:
    """What the agent said is its value; what its tools returned is left beside it as artefacts."""
    pieces: Mapping[str, tuple[str, bytes]] = {
        f"findings/{name}.json": ("application/json", canonical(found).encode())
        for name, found in talk.results.items()
        if SHELF[name].is_analysis
    }
    return Work(value=value, pieces={**pieces, **talk.returns.pieces})


def _text(response: ModelResponse) -> str:
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    return text if text.strip() else ""


def _refuse_refusals(response: ModelResponse) -> None:
    if response.finish_reason != "content_filter":
        return
    said = (response.provider_details or {}).get("refusal") or _text(response)
    model = response.model_id or response.model_name or "of this agent"
    raise AttemptFailed(fault_failure(Fault.REFUSED, model=model, said=str(said)))


def _allow_an_empty_answer(talk: Talk) -> None:
    talk.empty_answers += 1
    if talk.empty_answers > EMPTY_ANSWERS_MAX:
        raise _gave_up("It answered with nothing, again and again.")
    talk.conversation.extend(nudge("Your answer was empty. Answer, or call a tool."))


def _let_go_on(talk: Talk, text: str) -> None:
    """Let the model go on with an answer that was cut short by its own length."""
    talk.begun.append(text)
    if len(talk.begun) > LENGTH_STOPS_MAX:
        raise _gave_up(
            "Its answer did not end within the length that answers may have, again and again;"
            " SKEP_MODEL_MAX_TOKENS allows longer ones."
        )
    talk.conversation.extend(
        nudge("Your answer was cut short. Go on exactly where it stops, and repeat nothing.")
    )


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
