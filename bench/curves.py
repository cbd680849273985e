"""How cost grows: one thing is varied, the rest stays, and the bench draws the curve.

    python -m bench.curves [--quick | --deep] [--only NAME ...]

Draws docs/curves/*.svg and writes bench/curves.json. Each point is measured once, from small to
large; a curve ends where its time is up, and the drawing shows that by ending there.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from bench.cast import CAST
from bench.environments import REPO
from bench.machine import facts
from bench.plot import Point, Series, plot
from bench.rows import Row
from bench.runner import Unplayed, measured
from bench.servers import NoServer

DRAWINGS: Final = REPO / "docs" / "curves"
NUMBERS: Final = Path(__file__).parent / "curves.json"
MINUTES: Final = {"quick": 5.0, "full": 4.0, "deep": 60.0}
POINT_S: Final = {"quick": 30.0, "full": 40.0, "deep": 600.0}
ENGINES: Final = ("skep-sqlite", "skep-redis")
APART: Final = ("skep-sqlite-apart", "skep-redis")
AGENTS: Final = ("skep-agents-memory", "skep-agents-sqlite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What is varied over `points`, in which row; `told` turns a point into the order's fields."""

    name: str
    title: str
    x: str
    y: str
    row: str
    metric: str
    contestants: Sequence[str]
    points: Sequence[int]
    told: Callable[[int], Mapping[str, int]]

    def at(self, scale: str) -> Sequence[int]:
        """Its points at a scale: the first two, all but the most expensive, or all."""
        return {"quick": self.points[:2], "full": self.points[:-1], "deep": self.points}[scale]


CURVES: Final = (
    Curve(
        name="tasks",
        title="Tasks per second by the number of tasks",
        x="tasks, in plans of 100",
        y="tasks/s",
        row="work",
        metric="tasks",
        contestants=ENGINES,
        points=(100, 1_000, 10_000, 30_000, 100_000),
        told=lambda tasks: {"count": tasks},
    ),
    Curve(
        name="swarms",
        title="Tasks per second by the number of swarms they are spread over",
        x="swarms, 10,000 tasks in all",
        y="tasks/s",
        row="work",
        metric="tasks",
        contestants=ENGINES,
        points=(1, 10, 100, 1_000, 10_000),
        told=lambda swarms: {"count": 10_000, "swarm_tasks": 10_000 // swarms},
    ),
    Curve(
        name="workers",
        title="Tasks per second by the number of worker processes",
        x="worker processes beside the client",
        y="tasks/s",
        row="work",
        metric="tasks",
        contestants=APART,
        points=(1, 2, 3, 4),
        told=lambda workers: {"count": 4_000, "workers": workers},
    ),
    Curve(
        name="payload",
        title="Tasks per second by the size of input and result",
        x="bytes in, and the same out",
        y="tasks/s",
        row="work",
        metric="tasks",
        contestants=ENGINES,
        points=(100, 500, 4_000, 16_000, 64_000),
        told=lambda size: {"count": 1_000, "payload_bytes": size},
    ),
    Curve(
        name="width",
        title="Tasks per second by the width of a plan (1 -> width -> 1)",
        x="tasks side by side",
        y="tasks/s",
        row="dags",
        metric="dag_tasks",
        contestants=ENGINES,
        points=(1, 3, 10, 30, 100, 300, 1_000),
        told=lambda width: {"count": max(1, 3_000 // (width + 2)), "depth": width},
    ),
    Curve(
        name="conversation",
        title="Time for one turn by the length of the conversation",
        x="turns in one run",
        y="us per turn",
        row="turns",
        metric="turn",
        contestants=AGENTS,
        points=(2, 5, 12, 25, 48),
        told=lambda turns: {"count": max(20, 1_000 // turns), "turns": turns},
    ),
)


def main(arguments: list[str]) -> int:
    """Measure the curves and draw them."""
    parser = argparse.ArgumentParser(prog="python -m bench.curves", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two points of each")
    parser.add_argument("--deep", action="store_true", help="to the far end, for an hour")
    parser.add_argument("--only", nargs="+", choices=[curve.name for curve in CURVES])
    asked = parser.parse_args(arguments)
    scale = "quick" if asked.quick else "deep" if asked.deep else "full"
    deadline = monotonic() + MINUTES[scale] * 60
    chosen = [curve for curve in CURVES if curve.name in (asked.only or [curve.name])]
    found: dict[str, dict[str, list[Point]]] = {}
    for place, curve in enumerate(chosen):
        share_s = (deadline - monotonic()) / (len(chosen) - place)
        found[curve.name] = dict(_lines(curve, scale, until=monotonic() + share_s))
    known = facts()
    draw(found, note=("quick run, no figures - " if asked.quick else "") + known["date"])
    NUMBERS.write_text(json.dumps({"facts": known, "curves": found}, indent=1) + "\n")
    return 0


def draw(found: Mapping[str, Mapping[str, Sequence[Point]]], *, note: str = "") -> None:
    """Draw every curve that was measured."""
    DRAWINGS.mkdir(exist_ok=True)
    for curve in CURVES:
        if curve.name in found:
            series = [Series(name=who, points=line) for who, line in found[curve.name].items()]
            drawing = plot(curve.title, series, x=curve.x, y=curve.y, note=note)
            (DRAWINGS / f"{curve.name}.svg").write_text(drawing)


def _lines(curve: Curve, scale: str, *, until: float) -> Iterator[tuple[str, list[Point]]]:
    """Measure a curve for each of its contestants, each within its share of the time."""
    for place, name in enumerate(curve.contestants):
        share_s = (until - monotonic()) / (len(curve.contestants) - place)
        yield CAST[name].store, list(_points(curve, name, scale, until=monotonic() + share_s))


def _points(curve: Curve, name: str, scale: str, until: float) -> Iterator[Point]:  # noqa: PLR0917 - a leaf
    row = Row(name=curve.row, title="", metrics=(), quick=0, full=0, deep=0, cap_s=0)
    for x in curve.at(scale):
        cap_s = min(POINT_S[scale], until - monotonic())
        if cap_s <= 0:
            print(f"{curve.name:<14}{name:<20}{x:>8,}  no time left", flush=True)
            return
        try:
            figures = measured(
                CAST[name], row, python=Path(sys.executable), cap_s=cap_s, told=curve.told(x)
            )
        except (Unplayed, NoServer, subprocess.TimeoutExpired) as error:
            is_cut = isinstance(error, subprocess.TimeoutExpired)
            why = f"cut after {cap_s:.0f} s" if is_cut else f"{error}"
            print(f"{curve.name:<14}{name:<20}{x:>8,}  {why}", flush=True)
            return
        print(f"{curve.name:<14}{name:<20}{x:>8,}  {figures[curve.metric]:,.4g}", flush=True)
        yield x, figures[curve.metric]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
