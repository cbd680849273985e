"""The debts that a code base wrote down itself: lines with a marker such as TODO."""

import re
from collections import Counter
from collections.abc import Iterator
from heapq import nsmallest
from typing import Final, NamedTuple, TypedDict

from skep.agent.files import TextFile
from skep.agent.names import shown_line, shown_path
from skep.agent.tools.scope import LINE_CHARS_MAX, TOP, Scope, at_most, scope_of
from skep.agent.workspace import COUNTED_BYTES_MAX, Workspace

MARKERS: Final = ("TODO", "FIXME", "XXX", "HACK")
ITEMS_MAX: Final = 200
"""How many marked lines are quoted, unless another number is asked for."""

_MARKER: Final = re.compile(rb"\b(?:" + "|".join(MARKERS).encode() + rb")\b")


class TodoItem(TypedDict):
    """A marked line; `marker` is the first one on it."""

    path: str
    line: int
    marker: str
    text: str


class FileTodos(TypedDict):
    """How many marked lines a file has."""

    path: str
    lines: int


class Todos(TypedDict):
    """The marked lines of the workspace."""

    scope: Scope
    total: int
    markers: dict[str, int]
    files_with_markers: int
    files: list[FileTodos]
    items: list[TodoItem]
    items_omitted: int


def todos(workspace: Workspace, *, limit: int = ITEMS_MAX) -> Todos:
    """Find the lines marked TODO, FIXME, XXX or HACK, with their places and texts.

    A line counts once in `total` when it holds a marker in capitals as a whole word, in a
    comment or not: what `LC_ALL=C grep -anwE 'TODO|FIXME|XXX|HACK'` prints over the same text
    files. `markers` counts the lines of each marker alone, so their sum can exceed `total`.

    Args:
        workspace: What to read.
        limit: How many marked lines to quote; the others are counted only.
    """
    listing = workspace.listing()
    found = _Found(limit=at_most(limit))
    for file in workspace.texts(listing, bytes_max=COUNTED_BYTES_MAX):
        found.add(file)
    return Todos(
        scope=scope_of(listing, bytes_max=COUNTED_BYTES_MAX),
        total=found.lines.total(),
        markers={marker: found.markers[marker] for marker in MARKERS},
        files_with_markers=len(found.lines),
        files=[FileTodos(path=path, lines=lines) for path, lines in found.fullest()],
        items=found.items,
        items_omitted=found.lines.total() - len(found.items),
    )


class _Marked(NamedTuple):
    line: int
    marker: str
    match: re.Match[bytes]


class _Found:
    """What was found so far: every line counted, the first ones quoted."""

    def __init__(self, *, limit: int) -> None:
        self.limit = limit
        self.markers: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()
        self.items: list[TodoItem] = []

    def add(self, file: TextFile) -> None:
        path = shown_path(file.path)
        last_line = 0
        for line, marker, match in _marked(file):
            self.markers[marker] += 1
            if line != last_line:
                self.lines[path] += 1
                if len(self.items) < self.limit:
                    text = shown_line(file.line_around(match), chars_max=LINE_CHARS_MAX)
                    self.items.append(TodoItem(path=path, line=line, marker=marker, text=text))
            last_line = line

    def fullest(self) -> list[tuple[str, int]]:
        return nsmallest(TOP, self.lines.items(), key=lambda row: (-row[1], row[0]))


def _marked(file: TextFile) -> Iterator[_Marked]:
    """Yield each marker once per line, in the order of the file."""
    seen: set[tuple[int, str]] = set()
    for line, match in file.numbered(_MARKER.finditer(file.content)):
        marker = match.group().decode()
        if (line, marker) not in seen:
            seen.add((line, marker))
            yield _Marked(line, marker, match)
