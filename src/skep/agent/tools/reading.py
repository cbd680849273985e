"""The plain tools: list the files, read one, search them for a text."""

import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final, TypedDict

from skep.agent.files import FileRefused, Listing, Reason, TextFile
from skep.agent.names import path_from_shown, shown_line, shown_path, shown_text
from skep.agent.tools.scope import LINE_CHARS_MAX, Scope, at_most, scope_of
from skep.agent.workspace import TEXT_BYTES_MAX, Workspace

FILES_MAX: Final = 200
LINES_MAX: Final = 400
MATCHES_MAX: Final = 100
READ_BYTES_MAX: Final = 64_000
"""How much of a file one call gives."""
SMALL_BYTES_MAX: Final = 16 * 1024
"""The largest file that is read without a thread: its lines take less than the hop would."""
PATTERN_CHARS_MAX: Final = 200
"""The longest glob or text that is looked for."""


class FileListed(TypedDict):
    """A file and its size."""

    path: str
    bytes: int


class FilesListed(TypedDict):
    """The files whose names fit."""

    git: bool
    total: int
    files: list[FileListed]
    files_omitted: int


def list_files(workspace: Workspace, *, glob: str = "*", limit: int = FILES_MAX) -> FilesListed:
    """List the files whose names fit a glob such as `src/*.py`, in the order of their names.

    Args:
        workspace: What to read.
        glob: `*` is any text, slashes too, `?` any character, `[ab]` one of them. A glob without
            a slash is compared with the name of the file alone.
        limit: How many files to list; the others are counted only.
    """
    limit = at_most(limit)
    listing = workspace.listing()
    fitting = [file for file in listing.files if _fits(file.path, glob)]
    return FilesListed(
        git=listing.git,
        total=len(fitting),
        files=[
            FileListed(path=shown_path(file.path), bytes=file.bytes) for file in fitting[:limit]
        ],
        files_omitted=max(0, len(fitting) - limit),
    )


class FileRead(TypedDict):
    """A part of a file; `is_whole` tells that there is no more of it."""

    path: str
    first_line: int
    last_line: int
    lines_in_all: int
    is_whole: bool
    text: str


def read_file(
    workspace: Workspace, *, path: str, first_line: int = 1, lines: int = LINES_MAX
) -> FileRead:
    """Read lines of one text file.

    Raises `FileRefused` when there is no such file, it is binary or too large, or lies behind a
    link. One call gives at most 64,000 bytes, cut at the end of a line where there is one.

    Args:
        workspace: What to read.
        path: The file's path as the tools show it.
        first_line: The number of the first line to give, from 1.
        lines: How many lines to give.
    """
    content = workspace.read(path_from_shown(path), bytes_max=TEXT_BYTES_MAX)
    return _lines_of(content, path=path, first_line=first_line, lines=lines)


def read_small_file(
    workspace: Workspace, *, path: str, first_line: int = 1, lines: int = LINES_MAX
) -> FileRead | None:
    """As `read_file`; None for a file of more than 16 KiB."""
    try:
        content = workspace.read(path_from_shown(path), bytes_max=SMALL_BYTES_MAX)
    except FileRefused as refusal:
        if refusal.reason is Reason.TOO_LARGE:
            return None
        raise
    return _lines_of(content, path=path, first_line=first_line, lines=lines)


def _lines_of(content: bytes, *, path: str, first_line: int, lines: int) -> FileRead:
    every = re.findall(rb"[^\n]*\n|[^\n]+", content)
    skipped = max(0, first_line - 1)
    given = list(_within_bytes(every[skipped : skipped + at_most(lines)]))
    return FileRead(
        path=path,
        first_line=skipped + 1,
        last_line=skipped + len(given),
        lines_in_all=len(every),
        is_whole=sum(map(len, given)) == len(content),
        text=shown_text(b"".join(given)),
    )


class Match(TypedDict):
    """A line in which the text stands."""

    path: str
    line: int
    text: str


class Matches(TypedDict):
    """The lines in which a text stands; `total` counts each line once."""

    scope: Scope
    total: int
    files: int
    matches: list[Match]
    matches_omitted: int


def search(
    workspace: Workspace,
    *,
    text: str,
    glob: str = "*",
    ignore_case: bool = False,
    limit: int = MATCHES_MAX,
) -> Matches:
    """Find the lines in which a text stands as it is written; it is no pattern.

    Args:
        workspace: What to read.
        text: The text to look for, on one line.
        glob: Look only in files whose names fit, as in `list_files`.
        ignore_case: Take capital and small letters (of ASCII) for the same.
        limit: How many lines to give; the others are counted only.
    """
    everything = workspace.listing()
    files = tuple(file for file in everything.files if _fits(file.path, glob))
    listing = Listing(files=files, git=everything.git, skips=everything.skips)
    pattern, limit = _pattern(text, ignore_case=ignore_case), at_most(limit)
    matches: list[Match] = []
    lines: Counter[str] = Counter()
    for file in workspace.texts(listing):
        for number, match in _matching_lines(file, pattern):
            lines[file.path] += 1
            if len(matches) < limit:
                matches.append(_match(file, number, match))
    return Matches(
        scope=scope_of(listing, bytes_max=TEXT_BYTES_MAX),
        total=lines.total(),
        files=len(lines),
        matches=matches,
        matches_omitted=lines.total() - len(matches),
    )


def _fits(path: str, glob: str) -> bool:
    return fnmatchcase(path if "/" in glob else path.rpartition("/")[2], glob[:PATTERN_CHARS_MAX])


def _pattern(text: str, *, ignore_case: bool) -> re.Pattern[bytes]:
    wanted = re.escape(text[:PATTERN_CHARS_MAX].encode("utf-8", "surrogatepass"))
    # No text stands nowhere, rather than between all characters.
    return re.compile(wanted or rb"(?!)", re.IGNORECASE if ignore_case else re.NOFLAG)


def _matching_lines(
    file: TextFile, pattern: re.Pattern[bytes]
) -> Iterator[tuple[int, re.Match[bytes]]]:
    last_number = 0
    for number, match in file.numbered(pattern.finditer(file.content)):
        if number != last_number:
            yield number, match
        last_number = number


def _match(file: TextFile, number: int, match: re.Match[bytes]) -> Match:
    text = shown_line(file.line_around(match), chars_max=LINE_CHARS_MAX)
    return Match(path=shown_path(file.path), line=number, text=text)


def _within_bytes(lines: list[bytes]) -> Iterator[bytes]:
    bytes_left = READ_BYTES_MAX
    for line in lines:
        if len(line) > bytes_left:
            # A line longer than a whole answer is cut; any other waits for the next call.
            yield from [line[:READ_BYTES_MAX]] if bytes_left == READ_BYTES_MAX else []
            return
        bytes_left -= len(line)
        yield line
