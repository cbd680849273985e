"""Draws a curve as SVG, with two logarithmic axes, in a few lines of our own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50
COLOURS: Final = ("#d97706", "#2563eb", "#059669", "#9333ea")
INK: Final = "#6b7280"
NOTHING: Final = "not measured yet: make bench"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line: its name, and points in the order of x; all above 0."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A logarithmic axis from one power of ten to another, on so many pixels."""

    low: int
    high: int
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands.

        >>> Axis(low=0, high=2, start=0, end=100).at(10)
        50.0
        """
        share = (log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> Sequence[float]:
        """The powers of ten on it."""
        return [10.0**power for power in range(self.low, self.high + 1)]


def plot(title: str, series: Sequence[Series], *, x: str, y: str, note: str = "") -> str:
    """Draw lines over two logarithmic axes; without a point it says that there is nothing yet."""
    points = [point for each in series for point in each.points]
    across = axis([point[0] for point in points], start=LEFT, end=WIDTH - RIGHT)
    upward = axis([point[1] for point in points], start=HEIGHT - BOTTOM, end=TOP)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 20, title, size=15),
        *_grid(across, upward),
        *(line for place, each in enumerate(series) for line in _line(each, place, across, upward)),
        _text(WIDTH / 2, HEIGHT - 10, x),
        _text(16, HEIGHT / 2, y, turned=True),
        _text(WIDTH / 2, HEIGHT / 2, "" if points else NOTHING, size=15),
        _text(WIDTH - RIGHT, HEIGHT - 10, note, anchor="end", size=9),
        "</svg>",
    ]
    return "\n".join(line for line in body if line) + "\n"


def axis(values: Sequence[float], *, start: float, end: float) -> Axis:
    """An axis of whole powers of ten that holds all values.

    >>> axis([150, 8_000], start=0, end=1)
    Axis(low=2, high=4, start=0, end=1)
    """
    low = floor(log10(min(values, default=1)))
    return Axis(
        low=low, high=max(low + 1, ceil(log10(max(values, default=10)))), start=start, end=end
    )


def _grid(across: Axis, upward: Axis) -> Iterator[str]:
    for value in across.ticks():
        place = across.at(value)
        yield _stroke(place, upward.start, place, upward.end)
        yield _text(place, upward.start + 16, f"{value:,g}")
    for value in upward.ticks():
        place = upward.at(value)
        yield _stroke(across.start, place, across.end, place)
        yield _text(across.start - 6, place + 4, f"{value:,g}", anchor="end")


def _line(series: Series, place: int, across: Axis, upward: Axis) -> Iterator[str]:  # noqa: PLR0917 - a leaf
    colour = COLOURS[place % len(COLOURS)]
    spots = [(across.at(x), upward.at(y)) for x, y in series.points]
    way = " ".join(f"{x},{y}" for x, y in spots)
    yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for (x, y), (_, value) in zip(spots, series.points, strict=True):
        title = f"<title>{escape(series.name)}: {value:,.4g}</title>"
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}">{title}</circle>'
    yield _text(WIDTH - RIGHT, TOP + 14 * place - 4, series.name, anchor="end", colour=colour)


def _stroke(x1: float, y1: float, x2: float, y2: float) -> str:  # noqa: PLR0917 - two points
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#e5e7eb"/>'


def _text(  # noqa: PLR0913 - the attributes of one element
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "middle",
    size: int = 12,
    colour: str = INK,
    turned: bool = False,
) -> str:
    if not text:
        return ""
    turn = f' transform="rotate(-90 {x} {y})"' if turned else ""
    place = f'x="{x}" y="{y}" text-anchor="{anchor}"{turn}'
    look = f'font-family="sans-serif" font-size="{size}" fill="{colour}"'
    return f"<text {place} {look}>{escape(text)}</text>"
