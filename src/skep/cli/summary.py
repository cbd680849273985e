"""What a report says in short, for the screen: the first sentence of each of its first lines."""

import re
from typing import Final

from rich.table import Table
from rich.text import Text

from skep.cli.screen import clean

LINES_SHOWN: Final = 12
HEADING: Final = "## in short"

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9`])")
_BOLD: Final = re.compile(r"\*\*(.+?)\*\*")


def summary(report: str, *, is_ascii: bool) -> Table:
    """Lay out what a report says in short."""
    table = Table.grid(padding=(0, 1, 0, 0))
    bullet = "-" if is_ascii else "•"
    for line in in_short(report):
        is_item = line.startswith(("- ", "* "))
        text = clean(line[2:] if is_item else line.removeprefix("> "))
        table.add_row(" ", bullet if is_item else "", styled(_SENTENCE_END.split(text)[0]))
    return table


def in_short(report: str) -> list[str]:
    r"""Take the first lines of a report: its section "In short", or else its opening.

    >>> in_short("# Audit\n\n## In short\n\n- 3 files\n\n## More")
    ['- 3 files']
    """
    lines = [line.strip() for line in report.splitlines()]
    starts = [at for at, line in enumerate(lines) if line.lower() == HEADING]
    body = lines[starts[0] + 1 :] if starts else lines
    taken: list[str] = []
    for line in body:
        if line.startswith("#") and taken:
            break
        if line and not line.startswith("#"):
            taken.append(line)
    return taken[:LINES_SHOWN]


def styled(text: str) -> Text:
    """Show what Markdown makes bold as bold, and a code span without its ticks."""
    shown = Text()
    for place, part in enumerate(_BOLD.split(text)):
        for inner, span in enumerate(part.split("`")):
            shown.append(span, ("bold" if place % 2 else "") or ("cyan" if inner % 2 else ""))
    return shown
