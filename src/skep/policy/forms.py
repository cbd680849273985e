"""Forms: the part of JSON Schema by which a role says what its result looks like.

A form with a word that is not checked here is refused when its role is read, so that nothing is
promised that nobody looks at.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

from skep.records.values import Json

FORM_DEPTH_MAX: Final = 16
"""How deep a form may nest."""

_SILENT: Final = frozenset({"title", "description", "default", "examples", "$schema"})
_TYPES: Final[Mapping[str, Callable[[Json], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}
_CHECKED: Final = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    }
)


def faults_of_form(form: Json, *, at: str = "output", depth: int = 0) -> list[str]:
    """Say what of a form cannot be checked; empty for one that can.

    >>> faults_of_form({"type": "object", "properties": {"n": {"type": "integer"}}})
    []
    >>> faults_of_form({"type": "object", "properties": {"n": {"pattern": "x"}}})
    ["output.n has 'pattern', which is not checked"]
    """
    if depth == 0 and not (isinstance(form, dict) and form.get("type") == "object"):
        return [f"{at} is no form of an object"]
    if not isinstance(form, dict) or depth > FORM_DEPTH_MAX:
        return [f"{at} is no form"]
    unknown = sorted(set(form) - _CHECKED - _SILENT)
    found = [f"{at} has {word!r}, which is not checked" for word in unknown]
    if any(name not in _TYPES for name in _types(form)):
        found.append(f"{at} has an unknown type")
    for name, inner in _inner_forms(form):
        found.extend(faults_of_form(inner, at=f"{at}.{name}", depth=depth + 1))
    return found


def misfits(value: Json, form: Mapping[str, Json], *, at: str = "result") -> list[str]:
    """Say in what a value differs from its form; empty when it fits.

    >>> form = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    >>> misfits({"n": 1}, form), misfits({"n": "1"}, form), misfits({}, form)
    ([], ['result.n is no integer'], ['result.n is missing'])
    """
    types = _types(form)
    if types and not any(_TYPES[name](value) for name in types):
        return [f"{at} is no {' or '.join(types)}"]
    found = list(_bounds(value, form, at))
    if isinstance(value, dict):
        found.extend(_fields(value, form, at))
    items = form.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        for place, item in enumerate(value):
            found.extend(misfits(item, items, at=f"{at}[{place}]"))
    return found


def _fields(value: Mapping[str, Json], form: Mapping[str, Json], at: str) -> Iterator[str]:
    known = cast("Mapping[str, Mapping[str, Json]]", form.get("properties") or {})
    for name in cast("list[str]", form.get("required") or []):
        if name not in value:
            yield f"{at}.{name} is missing"
    for name, field in value.items():
        if name in known:
            yield from misfits(field, known[name], at=f"{at}.{name}")
        elif form.get("additionalProperties") is False:
            yield f"{at}.{name} is not asked for"


def _bounds(value: Json, form: Mapping[str, Json], at: str) -> Iterator[str]:
    choices, length = form.get("enum"), f"the length of {at}"
    if isinstance(choices, list) and value not in choices:
        yield f"{at} is none of {choices}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _beyond(value, form, what=at, words=("minimum", "maximum"))
    elif isinstance(value, str):
        yield from _beyond(len(value), form, what=length, words=("minLength", "maxLength"))
    elif isinstance(value, list):
        yield from _beyond(len(value), form, what=length, words=("minItems", "maxItems"))


def _beyond(
    size: float, form: Mapping[str, Json], *, what: str, words: tuple[str, str]
) -> Iterator[str]:
    least, most = (cast("float | None", form.get(word)) for word in words)
    if least is not None and size < least:
        yield f"{what} is below {least}"
    if most is not None and size > most:
        yield f"{what} is above {most}"


def _types(form: Mapping[str, Json]) -> list[str]:
    said = form.get("type")
    return [str(name) for name in said] if isinstance(said, list) else [str(said)] if said else []


def _inner_forms(form: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    properties = form.get("properties")
    if isinstance(properties, dict):
        yield from properties.items()
    if "items" in form:
        yield "items", form["items"]
