"""Records: names, values, specifications and errors keep their word."""

import math
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from skep import records
from skep.records import errors
from skep.records.codec import request_from, request_json, spec_from, spec_json, spec_of, spec_text
from skep.records.errors import PlanRefused, SkepError
from skep.records.ids import SwarmId, TaskKey, uuid7
from skep.records.lease import Token
from skep.records.outcome import Settlement, Succeeded
from skep.records.swarm import SwarmRequest
from skep.records.task import AgentKind, RetryPolicy, TaskSpec, lane_of
from skep.records.values import BlobRef, Digest, Json, blob_ref, canonical, digest_of, parsed
from skep.testing.samples import failed, failure, retried, task

Text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
Values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | Text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(Text, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def specs(draw: st.DrawFn) -> TaskSpec:
    """Draw a specification with every field set."""
    return TaskSpec(
        key=TaskKey(draw(Text)),
        agent=draw(Text),
        kind=draw(st.sampled_from(AgentKind)),
        title=draw(Text),
        input=draw(Values),
        after=tuple(TaskKey(up) for up in draw(st.lists(Text, max_size=3))),
        tolerant=draw(st.booleans()),
        priority=draw(st.integers(0, 9)),
        capabilities=frozenset(draw(st.lists(Text, max_size=3))),
        delay_s=draw(st.floats(0, 100)),
        retry=RetryPolicy(attempts_max=draw(st.integers(1, 9)), base_s=draw(st.floats(0, 9))),
    )


@given(specs())
def test_a_specification_survives_its_text(spec: TaskSpec) -> None:
    """Whatever is written is read back, and written the same again."""
    assert spec_from(spec_text(spec)) == spec
    assert spec_of(spec_json(spec)) == spec
    assert spec_text(spec_from(spec_text(spec))) == spec_text(spec)


@given(specs())
def test_a_specification_is_written_as_pydantic_would(spec: TaskSpec) -> None:
    """Written by hand, for speed, no field is forgotten or told otherwise."""
    told = TypeAdapter(TaskSpec).dump_python(spec, mode="json")

    assert spec_json(spec) == {**told, "capabilities": sorted(spec.capabilities)}
    assert list(spec_json(spec)) == list(told)


def test_an_older_specification_takes_defaults() -> None:
    """A record of an older Skep lacks the newer fields and is read all the same."""
    assert spec_from('{"key": "a", "agent": "worker"}') == task("a")


def test_a_misspelt_field_is_refused() -> None:
    """A field that nobody knows is named, and not passed over."""
    value: Json = {"key": "a", "agent": "x", "prioritty": 9}

    with pytest.raises(PlanRefused, match="prioritty"):
        spec_of(value)


def test_a_request_survives_its_text() -> None:
    """A swarm's request is read back as it was written."""
    request = SwarmRequest(objective="é", timeout_s=1.5, metadata={"a": [1, None, {"b": "c"}]})

    assert request_from(canonical(request_json(request))) == request


@given(Values)
def test_one_value_has_one_text(value: Json) -> None:
    """The canonical text reads back to the value, whose text it is again."""
    text = canonical(value)

    assert canonical(parsed(text)) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_what_json_lacks_is_refused(value: Json) -> None:
    """NaN and the infinities have no canonical text."""
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_ids_sort_by_their_time(unix_ms: int, random_bits: int) -> None:
    """An id made later sorts later, whatever its random part."""
    earlier = uuid7(unix_ms=max(unix_ms - 1, 0), random_bits=2**74 - 1)

    made = uuid7(unix_ms=unix_ms, random_bits=random_bits)

    assert made[14] == "7"
    assert made[19] in "89ab"
    assert unix_ms == 0 or earlier < made


@pytest.mark.parametrize(
    ("value", "ref"),
    [
        ({"$blob": "d", "bytes": 3}, BlobRef(digest=Digest("d"), size_bytes=3)),
        ({"$blob": "d"}, None),
        ({"$blob": 1, "bytes": 3}, None),
        ({"$blob": "d", "bytes": "3"}, None),
        ({"$blob": "d", "bytes": 3, "x": 1}, None),
        ("d", None),
    ],
)
def test_a_reference_is_known_from_content(value: Json, ref: BlobRef | None) -> None:
    """Only the exact shape of a reference is one, and it reads back as it was written."""
    assert blob_ref(value) == ref
    assert ref is None or ref.as_json() == value


def test_lanes_part_what_workers_tell_apart() -> None:
    """Queue, kind and needs make the lane; the order of capabilities does not."""
    one = task("a", capabilities=frozenset({"x", "y"}))

    assert lane_of(one) == lane_of(replace(one, capabilities=frozenset({"y", "x"})))
    others = (replace(one, queue="q"), replace(one, kind=AgentKind.FUNCTION))
    assert len({lane_of(spec) for spec in (one, *others)}) == 3


def test_a_settlement_is_told_from_another() -> None:
    """Digests differ by outcome and by value, and repeat for the same."""
    token = Token(
        incarnation="i", swarm=SwarmId("s"), task=TaskKey("t"), run=1, attempt=1, nonce="n"
    )
    outcomes = (Succeeded(value=1), Succeeded(value=2), failed(), retried(1.0), retried(2.0))

    digests = [Settlement(token=token, outcome=outcome).digest for outcome in outcomes]

    assert len(set(digests)) == len(digests)
    assert digests[0] == Settlement(token=token, outcome=Succeeded(value=1)).digest
    assert digest_of("") not in digests


def test_records_are_frozen_and_named() -> None:
    """Every record is frozen, has slots, and takes its fields by name."""
    for name, record in public_dataclasses():
        parameters = record.__dataclass_params__
        assert parameters.frozen, name
        assert "__slots__" in vars(record), name
        assert all(field.kw_only for field in fields(record)), name


def test_every_error_has_its_own_code() -> None:
    """Codes are unique, HTTP and JSON-RPC numbers in range, and the docstring is the message."""
    tree = [error for error in vars(errors).values() if is_error(error)]

    assert len({error.code for error in tree}) == len(tree)
    for error in tree:
        assert 400 <= error.http_status < 600
        assert -33000 < error.rpc_code < -31999
    assert SkepError().message == "Something went wrong inside Skep."
    assert str(errors.Fenced()) == errors.Fenced().message


def is_error(thing: object) -> bool:
    """Say whether a thing is a class of the tree."""
    return isinstance(thing, type) and issubclass(thing, SkepError)


def public_dataclasses() -> list[tuple[str, Any]]:
    """List the records of every module."""
    modules = [
        import_module(f"skep.records.{module.name}") for module in iter_modules(records.__path__)
    ]
    return [
        (f"{module.__name__}.{name}", thing)
        for module in modules
        for name, thing in vars(module).items()
        if isinstance(thing, type) and is_dataclass(thing)
    ]


def test_a_failure_is_told_in_full() -> None:
    """A failure keeps its class, code and message."""
    told = failure(message="no luck")

    assert (told.error_class, told.code, told.message) == ("permanent", "test", "no luck")
