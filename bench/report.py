"""What is written after a run: results.json, measurements.json and RESULTS.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.cast import CAST, Contestant
from bench.environments import versions
from bench.figures import Figure, best, rounded
from bench.machine import facts
from bench.results import Measurement, figures_of, results
from bench.rows import METRICS, ROWS, Metric
from bench.runner import Run
from bench.targets import is_met, must_of

STANDING_MIN: Final = 0.8
"""A rival below this share of its standing is taken for misconfigured, or the machine for busy."""

MARKS: Final = {True: "yes", False: "**red**", None: ""}
QUICK: Final = "this was a quick run: it shows that everything works, and no figure"


def table(measurements: Sequence[Measurement]) -> str:
    """Lay Skep's rows out beside the best rival of each, in Markdown."""
    lines = [
        "| metric | store | Skep | spread | must | met | best rival | its value | times better |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for metric in METRICS.values():
        figures = figures_of(measurements, metric)
        rival = best([each for each in figures if not _is_own(each)], metric)
        lines += [_line(each, metric, rival) for each in figures if _is_own(each)]
    return "\n".join(lines)


def written(run: Run, folder: Path) -> str:
    """Write the three files; says where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    found = run.measurements
    files = {
        "results.json": json.dumps(results(found), indent=1),
        "measurements.json": json.dumps([each.as_json() for each in found], indent=1),
        "RESULTS.md": page(run, facts()),
    }
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    return f"Written to {folder}: {', '.join(files)}."


def status(run: Run) -> int:
    """The exit status: 1 when Skep itself was wrong or silent in some row."""
    return int(any(each.failure and CAST[each.contestant].is_own for each in run.measurements))


def page(run: Run, known: Mapping[str, str]) -> str:
    """Write RESULTS.md."""
    return "\n".join(
        [
            "# Results of `make bench`",
            "",
            "Made by the bench; [docs/performance.md](../docs/performance.md) says how it is",
            "measured and read. Medians, with the least and the most of all runs as the spread.",
            "",
            "## Skep beside the best rival",
            "",
            table(run.measurements),
            "",
            "## An honest reading",
            "",
            *reading(run),
            "",
            "## All contestants",
            "",
            *_all(run.measurements),
            "## Machine, versions, settings",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in known.items()),
            *(f"| {each.name} | {_described(each)} |" for each in run.program.contestants),
        ]
    )


def reading(run: Run) -> Iterator[str]:
    """Say what a reader should know before believing a figure: warnings first."""
    is_quick = run.program.scale == "quick"
    warnings = [
        *([QUICK] if is_quick else _below_standing(run.measurements)),
        *run.skipped,
        *_failures(run.measurements),
    ]
    for warning in warnings:
        yield f"- Warning: {warning}."
    for metric in METRICS.values():
        yield from _behind(run.measurements, metric)
    yield "- A **red** row misses what we must reach. Where the time goes, and what was tried,"
    yield "  stands in [docs/performance.md](../docs/performance.md#where-the-time-goes)."
    yield "- Every figure passed the checks under its own load: every task ran, once unless its"
    yield "  worker was killed; every result is stored; nothing is pending; no DAG out of order."


def _failures(measurements: Sequence[Measurement]) -> Iterator[str]:
    seen: set[tuple[str, str, str]] = set()
    for each in measurements:
        told = (each.contestant, each.row, each.failure)
        if each.failure and told not in seen:
            seen.add(told)
            yield f"{each.contestant} in {each.row}: {each.failure.rstrip('.')}"


def _below_standing(measurements: Sequence[Measurement]) -> Iterator[str]:
    for metric in METRICS.values():
        for figure in figures_of(measurements, metric):
            standing = CAST[figure.contestant].standing.get(metric.name)
            share = metric.times_better(figure.value, standing) if standing else 1.0
            if share < STANDING_MIN:
                yield (
                    f"{figure.contestant} reached {share:.0%} of its standing in "
                    f"{metric.name} ({figure.value:.4g}, standing {standing:g} {metric.unit})"
                )


def _behind(measurements: Sequence[Measurement], metric: Metric) -> Iterator[str]:
    figures = figures_of(measurements, metric)
    rival = best([each for each in figures if not _is_own(each)], metric)
    for own in figures:
        if rival and _is_own(own) and (share := metric.times_better(own.value, rival.value)) < 1:
            yield (
                f"- Behind: {metric.title} on {CAST[own.contestant].store} is {share:.2f} times "
                f"{rival.contestant}'s."
            )


def _line(own: Figure, metric: Metric, rival: Figure | None) -> str:
    store = CAST[own.contestant].store
    times = metric.times_better(own.value, rival.value) if rival else None
    must = must_of(metric, store)
    better = f"{times:.2f}" if times is not None else ""
    cells = [
        metric.title,
        store,
        _shown(own.value, metric),
        _spread(own),
        must,
        MARKS[is_met(must, own.value, times_better=times)],
        rival.contestant if rival else "",
        _shown(rival.value, metric) if rival else "",
        better,
    ]
    return f"| {' | '.join(cells)} |"


def _all(measurements: Sequence[Measurement]) -> Iterator[str]:
    for row in ROWS.values():
        for metric in row.metrics:
            if figures := figures_of(measurements, metric):
                yield f"### {metric.title} ({metric.unit})"
                yield ""
                yield "| contestant | median | spread | runs |"
                yield "|---|---|---|---|"
                for each in figures:
                    value = _shown(each.value, metric)
                    yield f"| {each.contestant} | {value} | {_spread(each)} | {each.runs} |"
                yield ""


def _described(contestant: Contestant) -> str:
    if not contestant.environment:
        return contestant.settings
    pins = versions(contestant.environment)
    named = next((name for name in pins if contestant.name.startswith(name.lower())), "")
    version = f"{pins[named]}: " if named else ""
    return f"{version}{contestant.settings} (`requirements-{contestant.environment}.txt`)"


def _shown(value: float, metric: Metric) -> str:
    return f"{rounded(value):,g} {metric.unit}"


def _spread(figure: Figure) -> str:
    return f"{rounded(figure.low):,g}-{rounded(figure.high):,g}"


def _is_own(figure: Figure) -> bool:
    return CAST[figure.contestant].is_own
