"""The files of a workspace as plain values: names, kinds, contents, and what was left out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, TypedDict

from skep.agent.names import shown_path
from skep.records.errors import WorkspaceError

_EXAMPLES_MAX: Final = 5


class Reason(StrEnum):
    """Why a name of the workspace was not read."""

    BINARY = "binary"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    SYMLINK = "symlink"
    SPECIAL = "special"  # pipe, socket, device
    SUBMODULE = "submodule"
    MISSING = "missing"
    OUTSIDE = "outside"
    TOO_DEEP = "too_deep"
    OVER_LIMIT = "over_limit"


class FileRefused(WorkspaceError):
    """The workspace does not give this file."""

    code: ClassVar[str] = "file_refused"
    http_status: ClassVar[int] = 404

    def __init__(self, *, path: str, reason: Reason) -> None:
        super().__init__(f"{shown_path(path)} is not read: {reason.replace('_', ' ')}.")
        self.path = path
        self.reason = reason


class SkippedFiles(TypedDict):
    """How many files one reason kept from being read, with a few of their names."""

    reason: str
    files: int
    examples: list[str]


class Skips:
    """What was left out and why, counted as it happens."""

    def __init__(self) -> None:
        self._files: Counter[Reason] = Counter()
        self._examples: dict[Reason, list[str]] = {}

    def add(self, reason: Reason, path: str) -> None:
        """Count `path` as left out."""
        self._files[reason] += 1
        examples = self._examples.setdefault(reason, [])
        if len(examples) < _EXAMPLES_MAX:
            examples.append(shown_path(path))

    def findings(self) -> list[SkippedFiles]:
        """State what was left out, by reason."""
        return [
            SkippedFiles(reason=reason, files=self._files[reason], examples=examples)
            for reason, examples in sorted(self._examples.items())
        ]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file of the workspace; its path is relative, undecodable bytes as surrogates."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The regular files of a workspace in the order of their names' bytes."""

    files: tuple[FileEntry, ...]
    git: bool
    skips: Skips = field(default_factory=Skips)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file without NUL in its head, read whole."""

    path: str
    content: bytes

    @property
    def lines(self) -> int:
        """How many lines it has, as `wc -l` counts: line ends, not beginnings."""
        return self.content.count(b"\n")

    def numbered(self, matches: Iterable[re.Match[bytes]]) -> Iterator[tuple[int, re.Match[bytes]]]:
        """Give each match, in their order, the number of the line where it begins."""
        line, counted_to = 1, 0
        for match in matches:
            line += self.content.count(b"\n", counted_to, match.start())
            counted_to = match.start()
            yield line, match

    def line_around(self, match: re.Match[bytes]) -> bytes:
        """Give the line where a match begins."""
        begin = self.content.rfind(b"\n", 0, match.start()) + 1
        end = self.content.find(b"\n", begin)
        return self.content[begin:end] if end >= 0 else self.content[begin:]
