"""One turn of a talk: the next answer of the model, as one step of the journal.

A conversation that has outgrown its model is taken up anew from a summary, which the model writes
itself. The original stays in the journal: nothing of it is stored again, and nothing is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters

from skep.agent.compaction import Compaction
from skep.agent.failures import AttemptFailed
from skep.agent.faults import fault_failure
from skep.agent.hearing import hear
from skep.agent.hints import Listener
from skep.agent.journal import Bill, Pace, Unheard
from skep.agent.messages import answer_of, is_as_written, written
from skep.agent.talk import Talk
from skep.policy.faults import Fault
from skep.records.purse import UNLIMITED
from skep.records.step import Effect
from skep.records.values import canonical

CONTEXT_FULL: Final = "$context_full"
"""The one key of a model step's value when the conversation was too long for the model."""

_FULL_BEGINS: Final = f'{{"{CONTEXT_FULL}":'


async def ask(talk: Talk, turn: int) -> ModelResponse:
    """Hear what people told, then make one model request, or find its recorded answer.

    Raises `AttemptFailed` when no model of the chain answered, or the conversation is too long
    even in short.
    """
    answer = await _heard_and_asked(talk, turn)
    if answer is None:
        await _compact(talk, turn)
        answer = await _next(talk, f"turn/{turn}/model/compacted")
    return _short_enough(talk, answer)


async def _heard_and_asked(talk: Talk, turn: int) -> ModelResponse | None:
    """Ask with all in mind that people told; what they tell in between is heard first."""
    place = 1
    while True:
        place = await hear(talk, turn, place)
        try:
            return await _next(talk, f"turn/{turn}/model", pace=Pace.LISTENING)
        except Unheard:
            continue


async def _next(talk: Talk, key: str, *, pace: Pace = Pace.RIDING) -> ModelResponse | None:
    request = _Request(
        talk=talk,
        messages=talk.conversation.messages,
        parameters=talk.parameters,
        listener=talk.brief.listener,
    )
    return await _answer(request, key, pace=pace)


async def _compact(talk: Talk, turn: int) -> None:
    """Take the conversation up anew, from the model's own summary of it."""
    compaction = Compaction.of(talk.conversation.messages)
    if compaction is None:
        raise _too_long(talk)
    parameters = ModelRequestParameters()
    request = _Request(talk=talk, messages=[compaction.request], parameters=parameters)
    summary = await _answer(request, f"turn/{turn}/summary")
    talk.conversation.restart(compaction.begun_anew(_short_enough(talk, summary)))


async def _answer(
    request: "_Request", key: str, *, pace: Pace = Pace.RIDING
) -> ModelResponse | None:
    """Give the answer to a request, as one step; None when it is too long for the model.

    The answer is stored with what is asked or done next, in the same moment.
    """
    talk = request.talk
    request.bill = _bill(talk, key, request.messages, parameters=request.parameters)
    stored = await talk.brief.journal.text_step(
        key,
        talk.conversation.fingerprint,
        request.make,
        effect=Effect.PURE,
        bill=request.bill,
        pace=pace,
    )
    return request.read(stored)


@dataclass(slots=True, kw_only=True)
class _Request:
    """One request of a model, and what came of it here: its answer, and the text of that."""

    talk: Talk
    messages: list[ModelMessage]
    parameters: ModelRequestParameters
    listener: Listener | None = None
    bill: Bill | None = None
    answer: ModelResponse | None = None
    text: str = ""

    async def make(self) -> str:
        """Ask, and write the answer down.

        That a conversation is too long is recorded too, so that a takeover need not find it out.
        """
        brief, talk = self.talk.brief, self.talk
        heard = self.listener.listen(brief.grant.token.ref) if self.listener else None
        bill, now = self.bill, brief.clock.now
        try:
            self.answer = await talk.asker.ask(
                talk.chain, self.messages, self.parameters, now=now, heard=heard, bill=bill
            )
        except AttemptFailed as error:
            if error.failure.code != Fault.CONTEXT_FULL:
                raise
            return canonical({CONTEXT_FULL: error.failure.message})
        self.text = written(self.answer)
        return self.text

    def read(self, stored: str) -> ModelResponse | None:
        """Give the answer that is stored; None when it says that the messages are too long."""
        if stored == self.text and self.answer is not None and is_as_written(self.answer):
            return self.answer
        return None if stored.startswith(_FULL_BEGINS) else answer_of(stored)


def _bill(
    talk: Talk, key: str, messages: Sequence[ModelMessage], *, parameters: ModelRequestParameters
) -> Bill | None:
    """Bound what a request may take, unless its answer is recorded."""
    if talk.brief.journal.is_recorded(key):
        return None
    budget = talk.brief.request.budget or UNLIMITED
    return talk.asker.bill(talk.chain, messages, parameters, budget=budget)


def _short_enough(talk: Talk, answer: ModelResponse | None) -> ModelResponse:
    if answer is None:
        raise _too_long(talk)
    return answer


def _too_long(talk: Talk) -> AttemptFailed:
    return AttemptFailed(fault_failure(Fault.CONTEXT_FULL, model=", ".join(talk.chain), said=""))
