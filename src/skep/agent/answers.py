"""What a recorded answer of a model tells of itself: who gave it, and who could not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skep.ports.store import Blobs
from skep.records.step import Step
from skep.records.values import Json, blob_ref, parsed

PASSED_OVER: Final = "passed_over"
"""Where an answer's metadata tells which models of its chain could not answer, and why."""

_ASKED: Final = re.compile(r"turn/\d+/(model|model/compacted|summary)")
"""The keys of the steps in which a model is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A model that could not answer: the code of its failure, and the failure in words."""

    model: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Which model answered in a step, and those before it in its chain that could not."""

    step: Step
    model: str
    passed_over: Sequence[Passed]


async def answers_in(steps: Sequence[Step], blobs: Blobs) -> Sequence[Answer]:
    """Read what the answers among some steps tell of themselves, in the order of the steps."""
    asked = [step for step in steps if step.value is not None and _ASKED.fullmatch(step.key)]
    return [_answer(step, await _value(step, blobs)) for step in asked]


async def _value(step: Step, blobs: Blobs) -> Json:
    value = parsed(step.value or "null")
    ref = blob_ref(value)
    return parsed((await blobs.get(ref.digest)).decode()) if ref else value


def _answer(step: Step, value: Json) -> Answer:
    fields = value if isinstance(value, dict) else {}
    metadata = fields.get("metadata")
    passed = metadata.get(PASSED_OVER) if isinstance(metadata, dict) else None
    return Answer(
        step=step,
        model=str(fields.get("model_id") or step.payee),
        passed_over=[
            Passed(model=str(each["model"]), code=str(each["code"]), reason=str(each["reason"]))
            for each in (passed if isinstance(passed, list) else [])
            if isinstance(each, dict)
        ],
    )
