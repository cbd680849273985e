"""The inventory in words: how much there is, in which languages, and the largest files."""

from collections.abc import Iterator
from typing import Final

from skep.agent.files import Reason
from skep.agent.offline.sections.markup import code, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import lost, not_read
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, listed, share, size, some
from skep.agent.tools.inventory import Inventory

HEAVY_BYTES: Final = 1_000_000

_NAMES: Final = {"other": "other text", "lock file": "lock files", "Text": "plain text"}
_LANGUAGES_MAX: Final = 15
_LARGEST_MAX: Final = 5
_EXAMPLES_MAX: Final = 5


def inventory(found: Inventory) -> Section:
    """Write what the workspace holds."""
    return Section(
        tools=("inventory",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: Inventory) -> str:
    if not found["files"]:
        return f"The workspace holds no files, so there is nothing to count.{_aside(found)}"
    files = f"{counted(found['files'], 'file')} ({size(found['bytes'])})"
    if not found["languages"]:
        return f"{files}, none of them text.{_aside(found)}"
    first = found["languages"][0]
    longest = found["largest_by_lines"][0]
    languages = counted(len(found["languages"]), "language or format", many="languages and formats")
    return (
        f"{files} with {counted(found['lines'], 'line')} of text in {languages};"
        f" {share(first['lines'], found['lines'])} of the lines are {_name(first['language'])}."
        f" The longest file is {code(longest['path'])} with {counted(longest['lines'], 'line')}."
    )


def _aside(found: Inventory) -> str:
    skipped = not_read(found["scope"])
    return f" {skipped}" if skipped else ""


def _evidence(found: Inventory) -> Iterator[str]:
    if not found["files"]:
        return
    yield part("Files", _meaning(found), not_read(found["scope"], examples_max=3))
    if found["languages"]:
        yield part("Languages and formats", _languages(found))
        yield part(
            "Longest files",
            table(
                ("File", "Lines"),
                [(code(file["path"]), file["lines"]) for file in found["largest_by_lines"]],
            ),
        )
    yield part(
        "Largest files",
        table(
            ("File", "Bytes"),
            [
                (code(file["path"]), file["bytes"])
                for file in found["largest_by_bytes"][:_LARGEST_MAX]
            ],
        ),
    )


def _meaning(found: Inventory) -> str:
    counted_ones = (
        "Counted are the files that git tracks or would add; what it ignores is not."
        if found["scope"]["git"]
        else "Counted are all files beneath the folder, which is in no git work tree."
    )
    texts = f"{figure(found['text_files'])} of {counted(found['files'], 'file')}"
    return f"{counted_ones} Text: {texts}. Lines are as `wc -l` counts them."


def _languages(found: Inventory) -> str:
    return table(
        ("Language", "Files", "Lines", "Share of lines", "Bytes"),
        [
            (
                _name(row["language"]),
                row["files"],
                row["lines"],
                share(row["lines"], found["lines"]),
                row["bytes"],
            )
            for row in found["languages"]
        ],
        rows_max=_LANGUAGES_MAX,
    )


def _name(language: str) -> str:
    return plain(_NAMES.get(language, language))


def _remarks(found: Inventory) -> Iterator[Remark]:
    reasons = (Reason.UNREADABLE, Reason.TOO_LARGE, Reason.TOO_DEEP, Reason.OVER_LIMIT)
    if left_out := lost(found["scope"], reasons):
        yield Remark(Rule.UNREADABLE, f"No figure covers {listed(left_out)}.")
    heavy = [file for file in found["largest_by_bytes"] if file["bytes"] >= HEAVY_BYTES]
    if heavy:
        named = [f"{code(file['path'])} ({size(file['bytes'])})" for file in heavy]
        is_open = len(heavy) == len(found["largest_by_bytes"]) < found["files"]
        shown = some(named, total=len(heavy), most=_EXAMPLES_MAX, is_open=is_open)
        yield Remark(Rule.HEAVY_FILES, f"{shown}.")
