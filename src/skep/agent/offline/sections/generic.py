"""The findings of a tool that has no words of its own: its fields and what they hold."""

from collections.abc import Mapping
from typing import Final

from skep.agent.offline.sections.markup import code, quoted, table
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted
from skep.records.values import Json

_VALUE_CHARS_MAX: Final = 120


def generic(tool: str, findings: Mapping[str, Json]) -> Section:
    """Write a plain section: each field with its value, or how much it holds."""
    if not findings:
        return Section(tools=(tool,), lead=f"The tool {code(tool)} found nothing.")
    fields = counted(len(findings), "field")
    rows = [(code(name), _held(value)) for name, value in sorted(findings.items())]
    return Section(
        tools=(tool,),
        lead=f"The tool {code(tool)} answered with {fields}.",
        evidence=(part("What it returned", table(("Field", "Holds"), rows)),),
    )


def _held(value: Json) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}"
        case str():
            return _text(value)
        case list():
            return counted(len(value), "entry", many="entries")
        case dict():
            return counted(len(value), "field")


def _text(value: str) -> str:
    if "\n" in value or len(value) > _VALUE_CHARS_MAX:
        return f"a text of {counted(len(value), 'character')}"
    return quoted(value)
