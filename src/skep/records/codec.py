"""How a task's specification and a swarm's request are written as JSON, and read back.

Fields that a newer Skep added take their defaults when an older record is read; a field that
nobody knows is refused, because a misspelt one must not fail in silence.
"""

from dataclasses import fields, replace
from functools import cache, lru_cache
from operator import attrgetter
from typing import Final, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from skep.records.errors import PlanRefused
from skep.records.purse import with_limits
from skep.records.role import Charter
from skep.records.swarm import SwarmRequest
from skep.records.task import RetryPolicy, TaskSpec
from skep.records.values import Json, canonical

REQUESTS_KEPT: Final = 256
"""Requests of grants that are not read again: a worker is given task after task of one swarm."""

# Not by pydantic, which takes three times as long: a test holds both against each other.
SPEC_FIELDS: Final = tuple(field.name for field in fields(TaskSpec))
RETRY_FIELDS: Final = tuple(field.name for field in fields(RetryPolicy))
_spec_values: Final = attrgetter(*SPEC_FIELDS)
_retry_values: Final = attrgetter(*RETRY_FIELDS)


@cache
def _spec() -> TypeAdapter[TaskSpec]:
    # Built when first used: `skep --help` reads no record, and need not wait for it.
    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(TaskSpec))


@cache
def _request() -> TypeAdapter[SwarmRequest]:
    return TypeAdapter(SwarmRequest)


@cache
def _charter() -> TypeAdapter[Charter]:
    return TypeAdapter(Charter)


def spec_json(spec: TaskSpec) -> dict[str, Json]:
    """Write a specification as a JSON object; its input is the spec's own, not a copy."""
    return {
        **dict(zip(SPEC_FIELDS, _spec_values(spec), strict=True)),
        "kind": spec.kind.value,
        "after": list[Json](spec.after),
        "capabilities": list[Json](sorted(spec.capabilities)),
        "retry": dict(zip(RETRY_FIELDS, _retry_values(spec.retry), strict=True)),
    }


def spec_of(value: Json) -> TaskSpec:
    """Read a specification; raises `PlanRefused` when the value is none, saying which field."""
    try:
        return _spec().validate_python(value)
    except ValidationError as error:
        raise PlanRefused(f"A task of the plan cannot be read: {_first(error)}.") from error


def spec_text(spec: TaskSpec) -> str:
    """Write a specification canonically."""
    return canonical(spec_json(spec))


def spec_from(text: str) -> TaskSpec:
    """Read a specification from its text."""
    return _spec().validate_json(text)


def request_json(request: SwarmRequest) -> dict[str, Json]:
    """Write a request as a JSON object; without capabilities as it was before there were any."""
    told = cast("dict[str, Json]", _request().dump_python(request, mode="json"))
    if not request.capabilities:
        del told["capabilities"]
    return told


def request_from(text: str) -> SwarmRequest:
    """Read a request from its text."""
    return _request().validate_json(text)


@lru_cache(maxsize=REQUESTS_KEPT)
def request_at(text: str, *, cap: int, limits: str) -> SwarmRequest:
    """Read a request as it stands now: the cap of its swarm, and the `limits` of its purse.

    What is kept goes by the text itself and not by the swarm, so it cannot be out of date.
    """
    request = request_from(text)
    return replace(request, max_agents=cap, budget=with_limits(request.budget, limits))


def charter_bytes(charter: Charter) -> bytes:
    """Write a charter as the content of its blob; equal charters give equal bytes."""
    return canonical(cast("Json", _charter().dump_python(charter, mode="json"))).encode()


def charter_from(content: bytes) -> Charter:
    """Read a charter from its blob."""
    return _charter().validate_json(content)


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" if place else problem["msg"]
