r"""Words from outside made harmless in Markdown: names, quoted lines, titles, tables.

A file may be called anything. Its name stands in a code span whose fence is longer than any run
of backticks inside, without a character that is not printable (a newline, an escape, one that
turns the text around); in a table every pipe is escaped, which GitHub's tables undo in code too.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from skep.agent.offline.sections.words import figure
from skep.agent.tools.secretrules import RULES, Rule

NAME_CHARS_MAX: Final = 160
ROWS_MAX: Final = 20
"""How many rows of a table are shown, unless another number is asked for."""

_PADDED_MAX: Final = 72
_WIDE: Final = frozenset({"W", "F"})
_TICKS: Final = re.compile(r"`+")
_MARKUP: Final = re.compile(r"[\\`*\[\]<>&|~]|(?<![^\W_])_|_(?![^\W_])|(?<!\S)#")
_CUT_WORD: Final = re.compile(r"\S*…$")


def printable(text: str) -> str:
    r"""Escape what is not printable, line ends included.

    >>> printable("a\nb\u202e")
    'a\\u{a}b\\u{202e}'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)


def code(text: str, *, chars_max: int = NAME_CHARS_MAX) -> str:
    """Write a name as a code span; of a very long one the end, which tells it from others.

    >>> code("src/a.py"), code("a`b"), code("")
    ('`src/a.py`', '``a`b``', '(empty)')
    """
    shown = printable(text)
    if len(shown) > chars_max:
        shown = "…" + shown[1 - chars_max :]
    if not shown:
        return "(empty)"
    fence = "`" * (1 + max((len(ticks) for ticks in _TICKS.findall(shown)), default=0))
    # A space at both ends and a backtick at one would be taken for part of the fence.
    pad = " " if shown.strip() and (shown[0] in "` " or shown[-1] in "` ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def place(path: str, line: int) -> str:
    """Write a place the way editors open it."""
    return code(f"{path}:{line}")


def plain(text: str, *, chars_max: int = 300) -> str:
    r"""Write a text on one line so that Markdown finds no markup in it.

    >>> plain("Make *it* run\n# now"), plain("snake_case stays")
    ('Make \\*it\\* run \\# now', 'snake_case stays')
    """
    line = printable(" ".join(text.split()))
    line = line if len(line) <= chars_max else line[: chars_max - 1] + "…"
    return _MARKUP.sub(lambda mark: "\\" + mark[0], line)


def quoted(line: str) -> str:
    """Quote a line of a file; whatever looks like a credential in it stays hidden.

    >>> quoted("x = 1  # as is"), quoted("a line that was c…")
    ('`x = 1  # as is`', '`a line that was …`')
    """
    # A cut word may be the first half of a token that no rule knows by half.
    content = _CUT_WORD.sub("…", line).encode("utf-8", "surrogatepass")
    for rule in RULES:
        content = _masked(content, rule)
    return code(content.decode("utf-8", "surrogatepass"))


def _masked(content: bytes, rule: Rule) -> bytes:
    group = "value" if "value" in rule.pattern.groupindex else 0
    searched = content.lower() if rule.is_caseless else content
    for match in reversed(list(rule.pattern.finditer(searched))):
        content = content[: match.start(group)] + b"****" + content[match.end(group) :]
    return content


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str | int]], *, rows_max: int = ROWS_MAX
) -> str:
    """Draw a table; columns of numbers stand to the right, further rows are counted.

    The cells are Markdown that cannot break out: code spans, plain texts, words of our own.
    """
    every = list(rows)
    lines = [[_cell(cell) for cell in row] for row in (titles, *every[:rows_max])]
    right = [all(isinstance(row[at], int) for row in every) for at in range(len(titles))]
    widths = [max(3, *(_width(line[at]) for line in lines)) for at in range(len(titles))]
    head, *body = (_row(line, widths, right) for line in lines)
    rule = _row(
        [
            "-" * (width - end) + ":" * end
            for width, end in zip(_capped(widths), right, strict=True)
        ],
        widths,
        right,
    )
    return "\n".join([head, rule, *body]) + and_more(len(every) - len(body))


def and_more(number: int) -> str:
    """Say that a table or list goes on, as a paragraph of its own; nothing when it does not."""
    return f"\n\n… and {figure(number)} more." if number > 0 else ""


def _cell(cell: str | int) -> str:
    return figure(cell) if isinstance(cell, int) else cell.replace("|", "\\|")


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        " " * pad + cell if to_right else cell + " " * pad
        for cell, width, to_right in zip(cells, _capped(widths), right, strict=True)
        for pad in [max(0, width - _width(cell))]
    )
    return f"| {' | '.join(padded)} |"


def _capped(widths: Sequence[int]) -> list[int]:
    return [min(width, _PADDED_MAX) for width in widths]


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in _WIDE)
        for char in text
    )
