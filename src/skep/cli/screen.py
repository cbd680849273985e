"""The screen: where text goes, and what may reach it.

What agents and files bring is untrusted: it could move the cursor, change colours, or turn text
around. `clean` takes all of that out, and every command shows such text through it.
"""

import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from typing import BinaryIO, Final, TextIO, cast

from rich.console import Console, RenderableType
from rich.table import Table
from typing_extensions import override

from skep.records.task import TaskStatus
from skep.settings import read_environment

WIDTH_OF_PIPES: Final = 160
"""How wide a table may be where nobody knows the width."""

_ESCAPE: Final = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # an operating system command: titles, links, clipboard
    r"|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]"
)
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LOCALE_VARIABLES: Final = ("LC_ALL", "LC_CTYPE", "LANG")

_GLYPHS: Final[Mapping[TaskStatus, tuple[str, str, str]]] = {
    TaskStatus.WAITING: ("·", ".", "dim"),
    TaskStatus.READY: ("○", "o", "dim"),
    TaskStatus.RUNNING: ("●", ">", "cyan"),
    TaskStatus.SLEEPING: ("◌", "z", "yellow"),
    TaskStatus.BLOCKED: ("■", "?", "yellow"),
    TaskStatus.SUCCEEDED: ("✓", "+", "green"),
    TaskStatus.FAILED: ("✗", "x", "red"),
    TaskStatus.CANCELLED: ("-", "-", "dim"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where results go (`out`) and where errors go (`err`)."""

    out: Console
    err: Console
    is_debug: bool

    @property
    def is_ascii(self) -> bool:
        """Whether only ASCII may be shown."""
        return self.out.options.ascii_only


def open_screen() -> Screen:
    """Take hold of the process's streams, in the way that its environment asks for."""
    environment = read_environment()  # no settings: what is wrong with them is told on the screen
    for stream in (sys.stdout, sys.stderr):
        encoding = "ascii" if _is_ascii_asked(environment, stream) else None
        cast("TextIOWrapper[BinaryIO]", stream).reconfigure(encoding=encoding, errors="replace")
    return Screen(
        out=_console(sys.stdout, environment),
        err=_console(sys.stderr, environment),
        is_debug=bool(environment.get("SKEP_DEBUG")),
    )


def is_live(console: Console) -> bool:
    """Say whether a view that redraws itself can be shown."""
    return console.file.isatty() and not console.is_dumb_terminal


def show(console: Console, laid_out: RenderableType) -> None:
    """Print a table, without the spaces that would fill its lines where nobody sees them."""
    if console.is_terminal:
        console.print(laid_out)
        return
    with console.capture() as captured:
        console.print(laid_out)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def plain_table(*names: str) -> Table:
    """Begin a table without lines; a name that begins with `>` is a column of figures."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        is_right = name.startswith(">")
        table.add_column(
            name.removeprefix(">"), justify="right" if is_right else "left", no_wrap=True
        )
    return table


def glyph(status: TaskStatus, *, is_ascii: bool) -> tuple[str, str]:
    """Give the sign for a task's status, and its style."""
    sign, plain, style = _GLYPHS[status]
    return (plain if is_ascii else sign), style


def clean(text: str) -> str:
    r"""Write untrusted text on one line, without anything that a terminal would obey.

    >>> clean("\x1b[31mred\x1b[0m\nand \u202eback")
    'red and back'
    """
    visible = _ESCAPE.sub("", text)
    return " ".join("".join(map(_seen, visible)).split())


def clean_block(text: str) -> str:
    r"""Clean text of several lines, and keep its lines.

    >>> clean_block("a\x07\n  b\r\n")
    'a\n  b'
    """
    lines = _ESCAPE.sub("", text).expandtabs(4).split("\n")
    return "\n".join("".join(map(partial(_seen, gap=""), line)).rstrip() for line in lines).strip(
        "\n"
    )


def counted(number: int, thing: str, *, suffix: str = "") -> str:
    """Write how many there are of a thing.

    >>> counted(1, "swarm"), counted(2, "swarm"), counted(8, "task", suffix=" or more")
    ('1 swarm', '2 swarms', '8 or more tasks')
    """
    return f"{number}{suffix} {thing}" + ("" if number == 1 else "s")


def shown_seconds(seconds: float) -> str:
    """Write a length of time as people read it.

    >>> shown_seconds(0.42), shown_seconds(75), shown_seconds(3_700)
    ('0.4 s', '1:15', '1:01:40')
    """
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Console(Console):
    """A console that tells of a broken pipe, where rich would end the process."""

    @override
    def on_broken_pipe(self) -> None:
        """Let whoever prints decide what it means that nobody reads."""
        raise BrokenPipeError


def _console(stream: TextIO, environment: Mapping[str, str]) -> Console:
    is_wide = not stream.isatty() and "COLUMNS" not in environment
    return _Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        width=WIDTH_OF_PIPES if is_wide else None,
    )


def _is_ascii_asked(environment: Mapping[str, str], stream: TextIO) -> bool:
    """Say whether the terminal is a simple one, or the locale was set to something else."""
    if environment.get("TERM") == "dumb" and stream.isatty():
        return True
    locale = next((environment[name] for name in _LOCALE_VARIABLES if environment.get(name)), "")
    return bool(locale) and "utf" not in locale.lower()


def _seen(char: str, gap: str = " ") -> str:
    if char.isascii() and char.isprintable():
        return char
    if char in "\n\r\t":
        return gap
    return "" if unicodedata.category(char) in _UNSEEN else char
