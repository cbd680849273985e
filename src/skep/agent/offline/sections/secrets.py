"""Credentials in words: where they lie and of which kind, their values never."""

from collections.abc import Iterator, Sequence
from typing import Final

from skep.agent.offline.sections.markup import and_more, code, place, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import not_read, searched
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, listed, some
from skep.agent.tools.secretrules import Confidence
from skep.agent.tools.secrets import SecretFound, Secrets

_CONTEXTS: Final = {
    "plain": "elsewhere",
    "test": "test, documentation or example",
    "placeholder": "reads like a placeholder",
}
_EXAMPLES_MAX: Final = 5
_ROWS_MAX: Final = 20


def secrets(found: Secrets) -> Section:
    """Write which credentials lie open."""
    return Section(
        tools=("secrets",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: Secrets) -> str:
    files = searched(found["scope"])
    if not found["total"]:
        return f"Nothing that looks like a credential was found in {files}.{_names(found)}"
    first = found["findings"][0]
    where = f"{place(first['path'], first['line'])} ({plain(first['kind'])})"
    sure = _number(found, Confidence.HIGH) + _number(found, Confidence.MEDIUM)
    if not sure:
        matches = counted(found["total"], "weak match", many="weak matches")
        return (
            f"No credential was found with high or medium confidence in {files}; there"
            f" {'is' if found['total'] == 1 else 'are'} {matches}, the first in {where}."
            f"{_names(found)}"
        )
    levels = [
        f"{figure(number)} of {level} confidence"
        for level in Confidence
        if (number := _number(found, level))
    ]
    matches = counted(found["total"], "match looks", many="matches look")
    return (
        f"{matches} like a credential in {files}: {listed(levels)}; the surest is in {where}."
        f"{_names(found)}"
    )


def _number(found: Secrets, confidence: Confidence) -> int:
    return found["by_confidence"].get(confidence, 0)


def _names(found: Secrets) -> str:
    if not found["telling_names"]:
        return ""
    number = len(found["telling_names"])
    return f" {counted(number, 'file is', many='files are')} named like a store of credentials."


def _evidence(found: Secrets) -> Iterator[str]:
    if found["findings"]:
        rows = [_row(secret) for secret in found["findings"][:_ROWS_MAX]]
        yield part(
            "Matches, the surest first",
            table(("Place", "Kind", "Confidence", "Masked value", "Context"), rows)
            + and_more(found["total"] - len(rows)),
            "Values are never shown. Only the files as they are now were read, not their history.",
        )
    if names := found["telling_names"]:
        shown = "\n".join(f"- {code(name)}" for name in names[:_ROWS_MAX])
        yield part("Names that tell", shown + and_more(len(names) - _ROWS_MAX))
    if skipped := not_read(found["scope"]):
        yield part("Left out of the search", skipped)


def _row(secret: SecretFound) -> Sequence[str]:
    return (
        place(secret["path"], secret["line"]),
        plain(secret["kind"]),
        plain(secret["confidence"]),
        code(secret["masked"]),
        _CONTEXTS.get(secret["context"], plain(secret["context"])),
    )


def _remarks(found: Secrets) -> Iterator[Remark]:
    for rule, level in (
        (Rule.OPEN_CREDENTIALS, Confidence.HIGH),
        (Rule.POSSIBLE_CREDENTIALS, Confidence.MEDIUM),
    ):
        if number := _number(found, level):
            named = [
                f"{place(secret['path'], secret['line'])} ({plain(secret['kind'])})"
                for secret in found["findings"]
                if secret["confidence"] == level
            ]
            yield Remark(rule, f"{some(named, total=number, most=_EXAMPLES_MAX)}.")
    if names := found["telling_names"]:
        named = [code(name) for name in names]
        yield Remark(Rule.CREDENTIAL_FILES, f"{some(named, total=len(names), most=_EXAMPLES_MAX)}.")
