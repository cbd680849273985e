"""As much of Markdown as it takes to find headings and links."""

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

_FENCE: Final = re.compile(rb"^ {0,3}(`{3,}|~{3,})")
_INLINE_CODE: Final = re.compile(rb"`[^`]{1,1000}`")
_HEADING: Final = re.compile(rb"^ {0,3}(#{1,6})[ \t]+(\S.*)$")
# One level of parentheses may stand in a target, as in encyclopedias' addresses.
_LINK: Final = re.compile(rb"\]\([ \t]{0,4}<?((?:[^()\s<>]|\([^()\s]{0,200}\)){1,1000})")
_REFERENCE: Final = re.compile(rb"^ {0,3}\[[^\]\n]{1,200}\]:[ \t]{0,8}<?([^\s<>]{1,1000})")
_ELSEWHERE: Final = re.compile(r"(?i)[a-z][a-z0-9+.-]*:|//|#|\?")
_TEMPLATE: Final = re.compile(r"[{}$<>*]")


def without_code(content: bytes) -> list[bytes]:
    """Give the lines of a document, those of fenced blocks and spans of code emptied."""
    lines: list[bytes] = []
    fence = b""
    for line in content.splitlines():
        mark = _FENCE.match(line)
        if fence:
            closes = mark is not None and mark[1].startswith(fence)
            fence = b"" if closes else fence
            lines.append(b"")
        elif mark:
            fence = mark[1]
            lines.append(b"")
        else:
            lines.append(_INLINE_CODE.sub(b"", line))
    return lines


def headings_of(lines: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the line number, the level and the text of each `#` heading."""
    for number, line in enumerate(lines, start=1):
        if heading := _HEADING.match(line):
            yield number, len(heading[1]), heading[2].rstrip(b"# \t")


def links_of(lines: list[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the line number and the target of each inline and each reference link."""
    for number, line in enumerate(lines, start=1):
        for link in (*_LINK.finditer(line), *_REFERENCE.finditer(line)):
            yield number, link[1].decode("utf-8", "surrogateescape")


def target_of(link: str, *, folder: str) -> str:
    """Give the path in the workspace that a link leads to; empty when it leads elsewhere.

    >>> target_of("../src/a%20b.py#L3", folder="docs"), target_of("mailto:a@b.c", folder="docs")
    ('src/a b.py', '')
    """
    if _ELSEWHERE.match(link) or _TEMPLATE.search(link):
        return ""
    path = unquote(re.split(r"[#?]", link, maxsplit=1)[0], errors="surrogateescape")
    base = "" if path.startswith("/") else folder
    target = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
    return "" if target == ".." or target.startswith("../") else target
