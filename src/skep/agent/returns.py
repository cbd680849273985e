"""What a role returns: a text, or a value of the form that its file describes.

A model hands in such a value by calling one more tool, `final_result`. A value that does not fit
goes back to it with what is wrong, a few times.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from skep.agent.failures import AttemptFailed
from skep.agent.toolbox import ToolRefusal
from skep.policy.forms import misfits
from skep.records.outcome import ErrorClass, Failure
from skep.records.values import Json

FINAL_RESULT: Final = "final_result"
"""The tool by which a model hands in a value of a form."""

REPAIRS_MAX: Final = 3
"""How often a value that does not fit goes back to the model."""


class Returns:
    """What one agent is to return, and how often it has missed it so far."""

    def __init__(self, form: Mapping[str, Json] | None) -> None:
        self._form = form
        self._missed = 0
        self.pieces: dict[str, tuple[str, bytes]] = {}
        """Pieces of work left beside the result, by name, as (media type, content)."""

    @property
    def words(self) -> Sequence[str]:
        """What the model is told of it when the conversation opens, besides its form."""
        return []

    @property
    def is_asked(self) -> bool:
        """Whether a value of a form is asked for, and not a text."""
        return self._form is not None

    @property
    def ground(self) -> Sequence[Json]:
        """What the fingerprint of the conversation covers of it."""
        return [] if self._form is None else [dict(self._form)]

    def asked_for(self, parameters: ModelRequestParameters) -> ModelRequestParameters:
        """Ask for the value in each request."""
        if self._form is None:
            return parameters
        tool = ToolDefinition(
            name=FINAL_RESULT,
            description="Hand in your result; your work ends with it.",
            parameters_json_schema=dict(self._form),
            kind="output",
        )
        return replace(parameters, output_mode="tool", output_tools=[tool], allow_text_output=False)

    def is_final(self, call: ToolCallPart) -> bool:
        """Say whether a call hands in the result."""
        return self.is_asked and call.tool_name == FINAL_RESULT

    def value(self, call: ToolCallPart) -> Json:
        """The value that a call hands in. Raises `ValueError` for arguments that are no JSON."""
        args = call.args
        return cast("Json", json.loads(args or "{}") if isinstance(args, str) else (args or {}))

    def misfits(self, call: ToolCallPart) -> Sequence[str]:
        """Say what is wrong with the value that a call hands in; empty when it fits."""
        try:
            return misfits(self.value(call), self._form or {})
        except ValueError as error:
            return [f"no JSON: {error}"]

    def refusal(self, call: ToolCallPart) -> ToolRefusal:
        """Tell the model what does not fit; raises `AttemptFailed` once that was enough."""
        wrong = "; ".join(self.misfits(call))
        self.count_misfit(wrong)
        return ToolRefusal(reason=f"Your result does not fit: {wrong}. Hand in a mended one.")

    def count_misfit(self, wrong: str = "it was a text") -> None:
        """Count an answer that was no fitting value."""
        self._missed += 1
        if self._missed > REPAIRS_MAX:
            raise self.given_up(wrong)

    def given_up(self, wrong: str) -> Exception:
        """The failure of an agent whose result never fitted."""
        reason = f"Its result did not fit the form of its role, again and again: {wrong}."
        return AttemptFailed(
            Failure(error_class=ErrorClass.PERMANENT, code="result_misfit", message=reason)
        )

    async def taken_in(self, value: Json) -> Json:
        """Take a fitting value in; gives what the task comes to."""
        return value
