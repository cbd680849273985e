"""The inventory: how many files, bytes and lines, in which languages, and the largest of them."""

import os
from collections import defaultdict
from collections.abc import Iterable
from heapq import nsmallest
from typing import Final, NamedTuple, TypedDict

from skep.agent.files import Listing, TextFile
from skep.agent.names import shown_path
from skep.agent.tools.languages import extension_of, language_of
from skep.agent.tools.scope import TOP, Scope, at_most, scope_of
from skep.agent.workspace import COUNTED_BYTES_MAX, Workspace

_EXTENSIONS_MAX: Final = 200
"""How many extensions of one language are listed."""


class ExtensionFigures(TypedDict):
    """The text files of one extension; empty for names that have none."""

    extension: str
    files: int
    bytes: int
    lines: int


class LanguageFigures(TypedDict):
    """The text files of one language."""

    language: str
    files: int
    bytes: int
    lines: int
    extensions: list[ExtensionFigures]


class FileBytes(TypedDict):
    """A file and its size."""

    path: str
    bytes: int


class FileLines(TypedDict):
    """A text file and its line count."""

    path: str
    lines: int


class Inventory(TypedDict):
    """What the workspace holds."""

    scope: Scope
    files: int
    bytes: int
    text_files: int
    lines: int
    languages: list[LanguageFigures]
    largest_by_bytes: list[FileBytes]
    largest_by_lines: list[FileLines]


def inventory(workspace: Workspace, *, top: int = TOP) -> Inventory:
    """Count files, bytes and lines per language, and name the largest files.

    `files` and `bytes` are of all regular files, `lines` of the text files, as `wc -l` counts.
    A text file has no NUL in its first 8,192 bytes.

    Args:
        workspace: What to read.
        top: How many of the largest files to name.
    """
    top = at_most(top)
    listing = workspace.listing()
    texts = workspace.texts(listing, bytes_max=COUNTED_BYTES_MAX)
    counted = [_counted(file) for file in texts]
    return Inventory(
        scope=scope_of(listing, bytes_max=COUNTED_BYTES_MAX),
        files=len(listing.files),
        bytes=sum(file.bytes for file in listing.files),
        text_files=len(counted),
        lines=sum(file.lines for file in counted),
        languages=_languages(counted),
        largest_by_bytes=_largest_by_bytes(listing, top),
        largest_by_lines=_largest_by_lines(counted, top),
    )


class _Counted(NamedTuple):
    path: str
    bytes: int
    lines: int
    language: str
    extension: str


def _counted(file: TextFile) -> _Counted:
    language = language_of(file.path, file.content)
    extension = extension_of(file.path)
    return _Counted(file.path, len(file.content), file.lines, language.name, extension)


def _languages(counted: Iterable[_Counted]) -> list[LanguageFigures]:
    groups: defaultdict[str, list[_Counted]] = defaultdict(list)
    for file in counted:
        groups[file.language].append(file)
    figures = [
        LanguageFigures(
            language=language,
            files=len(files),
            bytes=sum(file.bytes for file in files),
            lines=sum(file.lines for file in files),
            extensions=_extensions(files),
        )
        for language, files in groups.items()
    ]
    return sorted(figures, key=lambda row: (-row["lines"], row["language"]))


def _extensions(counted: Iterable[_Counted]) -> list[ExtensionFigures]:
    groups: defaultdict[str, list[_Counted]] = defaultdict(list)
    for file in counted:
        groups[file.extension].append(file)
    figures = [
        ExtensionFigures(
            extension=shown_path(extension),
            files=len(files),
            bytes=sum(file.bytes for file in files),
            lines=sum(file.lines for file in files),
        )
        for extension, files in groups.items()
    ]
    return sorted(figures, key=lambda row: (-row["lines"], row["extension"]))[:_EXTENSIONS_MAX]


def _largest_by_bytes(listing: Listing, top: int) -> list[FileBytes]:
    largest = nsmallest(top, listing.files, key=lambda file: (-file.bytes, os.fsencode(file.path)))
    return [FileBytes(path=shown_path(file.path), bytes=file.bytes) for file in largest]


def _largest_by_lines(counted: Iterable[_Counted], top: int) -> list[FileLines]:
    largest = nsmallest(top, counted, key=lambda file: (-file.lines, os.fsencode(file.path)))
    return [FileLines(path=shown_path(file.path), lines=file.lines) for file in largest]
