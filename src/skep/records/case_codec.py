"""How a case is written as JSON, and read back."""

from functools import cache
from typing import cast

from pydantic import TypeAdapter

from skep.records.dispute import Case
from skep.records.values import Json, canonical


@cache
def _case() -> TypeAdapter[Case]:
    return TypeAdapter(Case)


def case_json(case: Case) -> dict[str, Json]:
    """Write a case as a JSON object."""
    return cast("dict[str, Json]", _case().dump_python(case, mode="json"))


def case_text(case: Case) -> str:
    """Write a case canonically."""
    return canonical(case_json(case))


def case_from(text: str) -> Case:
    """Read a case from its text."""
    return _case().validate_json(text)
