r"""How the names and lines of a workspace are written where people and models read them.

A file may be called anything but `/` and NUL: a name can hold a newline, an escape sequence, a
character that turns the text around, bytes that are no UTF-8. Shown as they are, such names
forge lines of a report. `shown_path` is one to one, so `path_from_shown` finds the file again:
a name made of printable characters stands as it is, any other with escapes: `\n`, `\t`, `\r`,
`\xNN` for a byte that is no UTF-8, `\u{N}` for a character, `\\` for a backslash.
"""

import re
from typing import Final

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
_LONG: Final = {escape: char for char, escape in _SHORT.items()}
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<short>[nrt\\])|x(?P<byte>[89a-f][0-9a-f])|u\{(?P<code>10[0-9a-f]{4}|[0-9a-f]{1,5})\})"
)
_RAW_BYTES: Final = range(0xDC80, 0xDD00)  # how surrogateescape keeps the bytes 0x80-0xff
_RAW_BASE: Final = 0xDC00


def shown_path(path: str) -> str:
    r"""Write `path` on one printable line; `path_from_shown` undoes it.

    >>> shown_path("docs/two\nlines.md")
    'docs/two\\nlines.md'
    """
    if path.isprintable() and "\\" not in path:
        return path
    return "".join(_SHORT.get(char) or _escaped(char) for char in path)


def path_from_shown(shown: str) -> str:
    r"""Find the path that `shown_path` wrote.

    >>> path_from_shown("docs/two\\nlines.md")
    'docs/two\nlines.md'
    """
    return _ESCAPE.sub(_char, shown)


def shown_line(line: bytes, *, chars_max: int) -> str:
    r"""Write a line of a file without what is not printable, cut to `chars_max`.

    >>> shown_line(b"\tred \x1b[31m", chars_max=40)
    'red \\u{1b}[31m'
    """
    # The cut comes first: a minified file is one line of a million characters.
    text = line[: 4 * chars_max].decode("utf-8", "surrogateescape").strip()
    shown = text if text.isprintable() else "".join(map(_escaped, text))
    return shown if len(shown) <= chars_max else shown[: chars_max - 1] + "…"


def shown_text(content: bytes) -> str:
    r"""Decode a text for a model to read; only tabs and line ends stay as they are.

    >>> shown_text(b"a\tb\n\x00\xff")
    'a\tb\n\\u{0}\\xff'
    """
    text = content.decode("utf-8", "surrogateescape")
    # Most files hold nothing else, and going through them by character is many times slower.
    if text.replace("\n", "").replace("\t", "").replace("\r", "").isprintable():
        return text
    return "".join(char if char in "\n\t\r" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code - _RAW_BASE:02x}" if code in _RAW_BYTES else f"\\u{{{code:x}}}"


def _char(escape: re.Match[str]) -> str:
    if byte := escape["byte"]:
        return chr(_RAW_BASE + int(byte, 16))
    if code := escape["code"]:
        return chr(int(code, 16))
    return _LONG[escape.group()]
