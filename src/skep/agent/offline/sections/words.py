"""Figures as they are read: separators, plural forms, shares, sizes and lists of names."""

from collections.abc import Sequence
from typing import Final

_UNITS: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB"))


def figure(number: int) -> str:
    """Write a number with separators.

    >>> figure(61203)
    '61,203'
    """
    return f"{number:,}"


def counted(number: int, one: str, *, many: str = "") -> str:
    """Write how many there are of something.

    >>> counted(1, "file"), counted(1200, "file"), counted(0, "entry", many="entries")
    ('1 file', '1,200 files', '0 entries')
    """
    return f"{figure(number)} {one if number == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """Write a part of a whole in per cent; neither nothing nor everything unless it is.

    >>> share(71, 100), share(1, 1000), share(999, 1000), share(0, 0)
    ('71 %', 'under 1 %', 'over 99 %', '0 %')
    """
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 1:
        return "under 1 %"
    return "over 99 %" if 99 < percent < 100 else f"{percent:.0f} %"  # noqa: PLR2004


def size(number: int) -> str:
    """Write bytes for people, in decimal units.

    >>> size(1), size(999), size(2_000_000), size(1_234_567)
    ('1 byte', '999 bytes', '2 MB', '1.2 MB')
    """
    for unit, name in _UNITS:
        if number >= unit:
            return f"{number / unit:,.1f}".removesuffix(".0") + f" {name}"
    return counted(number, "byte")


def listed(items: Sequence[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)


def some(items: Sequence[str], *, total: int, most: int, is_open: bool = False) -> str:
    """Join the first items and count the others; `is_open` says that there may be still others.

    >>> some(["a", "b", "c"], total=12, most=2), some(["a"], total=1, most=2)
    ('a, b and 10 more', 'a')
    >>> some(["a", "b", "c"], total=3, most=2, is_open=True)
    'a, b and at least 1 more'
    """
    shown = list(items[:most])
    more = max(0, total - len(shown))
    least = "at least " if is_open else ""
    return listed([*shown, f"{least}{figure(more)} more"] if more else shown)


def lowered(sentence: str) -> str:
    """Make a sentence fit behind a colon: without its full stop and its first capital.

    >>> lowered("The repository has no commit yet.")
    'the repository has no commit yet'
    """
    return (sentence[:1].lower() + sentence[1:]).removesuffix(".")
