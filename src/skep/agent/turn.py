"""One turn of a talk: the next answer of the model, as one step of the journal.

A conversation that has outgrown its model is taken up anew from a summary, which the model writes
itself. The original stays in the journal: nothing of it is stored again, and nothing is lost.
"""

from collections.abc import Sequence
from typing import Final, cast

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import ModelRequestParameters

from skep.agent.compaction import Compaction
from skep.agent.failures import AttemptFailed
from skep.agent.faults import fault_failure
from skep.agent.journal import Bill, Call
from skep.agent.talk import Talk
from skep.policy.faults import Fault
from skep.records.purse import UNLIMITED
from skep.records.step import Effect
from skep.records.values import Json

CONTEXT_FULL: Final = "$context_full"
"""The one key of a model step's value when the conversation was too long for the model."""


async def ask(talk: Talk, turn: int) -> ModelResponse:
    """Make one model request, or find its recorded answer.

    Raises `AttemptFailed` when no model of the chain answered, or the conversation is too long
    even in short.
    """
    stored = await _step(talk, f"turn/{turn}/model")
    if _is_full(stored):
        await _compact(talk, turn)
        stored = await _step(talk, f"turn/{turn}/model/compacted")
    return _read(talk, stored)


async def _step(talk: Talk, key: str) -> Json:
    bill = _bill(talk, key, talk.conversation.messages, parameters=talk.parameters)

    async def made() -> Json:
        brief, conversation = talk.brief, talk.conversation.messages
        heard = brief.listener.listen(brief.grant.token.ref) if brief.listener else None
        answer = await talk.asker.ask(
            talk.chain, conversation, talk.parameters, now=brief.clock.now, heard=heard, bill=bill
        )
        return _written(answer)

    return await talk.brief.journal.step(
        key, talk.conversation.fingerprint, _or_full(made), effect=Effect.PURE, bill=bill
    )


def _bill(
    talk: Talk, key: str, messages: Sequence[ModelMessage], *, parameters: ModelRequestParameters
) -> Bill | None:
    """Bound what a request may take, unless its answer is recorded."""
    if talk.brief.journal.is_recorded(key):
        return None
    budget = talk.brief.request.budget or UNLIMITED
    return talk.asker.bill(talk.chain, messages, parameters, budget=budget)


async def _compact(talk: Talk, turn: int) -> None:
    """Take the conversation up anew, from the model's own summary of it."""
    compaction = Compaction.of(talk.conversation.messages)
    if compaction is None:
        raise _too_long(talk)
    asked, parameters = [compaction.request], ModelRequestParameters()
    key = f"turn/{turn}/summary"
    bill = _bill(talk, key, asked, parameters=parameters)

    async def made() -> Json:
        answer = await talk.asker.ask(
            talk.chain, [*asked], parameters, now=talk.brief.clock.now, bill=bill
        )
        return _written(answer)

    stored = await talk.brief.journal.step(
        key,
        talk.conversation.fingerprint,
        _or_full(made),
        effect=Effect.PURE,
        bill=bill,
    )
    talk.conversation.restart(compaction.begun_anew(_read(talk, stored)))


def _or_full(made: Call) -> Call:
    """Record that a conversation is too long, so that a takeover need not find it out again."""

    async def call() -> Json:
        try:
            return await made()
        except AttemptFailed as error:
            if error.failure.code != Fault.CONTEXT_FULL:
                raise
            return {CONTEXT_FULL: error.failure.message}

    return call


def _is_full(stored: Json) -> bool:
    return isinstance(stored, dict) and set(stored) == {CONTEXT_FULL}


def _read(talk: Talk, stored: Json) -> ModelResponse:
    if _is_full(stored):
        raise _too_long(talk)
    (answer,) = ModelMessagesTypeAdapter.validate_python([stored])
    assert isinstance(answer, ModelResponse)
    return answer


def _written(answer: ModelResponse) -> Json:
    return cast("Json", ModelMessagesTypeAdapter.dump_python([answer], mode="json")[0])


def _too_long(talk: Talk) -> AttemptFailed:
    return AttemptFailed(fault_failure(Fault.CONTEXT_FULL, model=", ".join(talk.chain), said=""))
