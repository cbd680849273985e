"""What the bench computes: medians, ratios, the shape of its results, and its warnings."""

import doctest
import importlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from bench import report
from bench.cast import CAST
from bench.results import Measurement, results
from bench.rows import METRICS, ROWS
from bench.runner import Program, Run, size

KEYS = {
    "store", "metric", "value", "unit", "rival", "rival_value", "ratio", "runs", "spread",
}  # fmt: skip
PROGRAM = Program(
    contestants=tuple(CAST.values()),
    rows=tuple(ROWS.values()),
    repeats=5,
    scale="full",
    minutes=1,
    patience_s=15,
    on_screen=print,
)


def measurements(row: str, figures: Mapping[str, tuple[float, ...]]) -> list[Measurement]:
    """Measurements of one metric, the first of its row, as if contestants had reached these."""
    metric = ROWS[row].metrics[0].name
    return [
        Measurement(contestant=name, row=row, repeat=repeat, took_s=1.0, figures={metric: value})
        for name, values in figures.items()
        for repeat, value in enumerate(values)
    ]


def test_a_result_is_the_median_beside_the_best_rival() -> None:
    """Value and rival value are medians, the ratio is theirs, the spread holds both ends."""
    found = measurements(
        "queue",
        {"skep-redis": (9_000, 12_000, 8_000), "arq": (1_000, 2_000), "dramatiq": (3_000, 3_000)},
    )

    (entry,) = results(found)

    assert entry == {
        "store": "redis",
        "metric": "tasks",
        "value": 9_000,
        "unit": "1/s",
        "rival": "dramatiq",
        "rival_value": 3_000,
        "ratio": 3.0,
        "runs": 3,
        "spread": [8_000, 12_000],
    }


def test_where_less_is_better_the_best_rival_has_the_least() -> None:
    """The best rival of a latency is the quickest one; the ratio stays value / rival_value."""
    row = measurements("kill", {"skep-sqlite": (1.0,), "arq": (9.0,), "dbos-postgres": (2.0,)})

    (entry,) = results(row)

    assert (entry["rival"], entry["ratio"]) == ("dbos-postgres", 0.5)


def test_a_result_without_a_rival_says_so() -> None:
    """Every entry has the same keys; there is just nothing to compare with."""
    (entry,) = results(measurements("steps", {"skep-redis": (0.2,)}))

    assert entry.keys() == KEYS
    assert (entry["rival"], entry["rival_value"], entry["ratio"]) == (None, None, None)


@pytest.mark.parametrize(("name", "better"), [("tasks", 4.0), ("result_p50", 0.25)])
def test_times_better_knows_which_way_is_better(name: str, better: float) -> None:
    """Four times the rate is four times better, four times the wait is four times worse."""
    assert METRICS[name].times_better(4.0, 1.0) == better


def test_a_rival_below_its_standing_is_a_warning() -> None:
    """A rival under 80 % of what it reached before is said to be misconfigured."""
    found = measurements("queue", {"dramatiq": (2_000,), "taskiq": (2_400,)})

    said = "\n".join(report.reading(Run(PROGRAM, measurements=found)))

    assert "dramatiq reached 72% of its standing" in said
    assert "taskiq" not in said


def test_what_was_left_out_is_said() -> None:
    """Failures, cuts and what could not be installed stand in the reading, each once."""
    cut = Measurement(contestant="arq", row="kill", repeat=0, took_s=20, failure="cut after 20 s")
    run = Run(PROGRAM, measurements=[cut, replace(cut, repeat=1)], skipped=["huey could not be"])

    said = "\n".join(report.reading(run))

    assert said.count("arq in kill: cut after 20 s") == 1
    assert "huey could not be" in said


def test_the_table_shows_where_skep_is_behind() -> None:
    """Being slower than the best rival is printed, not hidden."""
    found = measurements("queue", {"skep-sqlite": (1_000,), "dramatiq": (2_000,)})

    table = report.table(found)
    said = "\n".join(report.reading(Run(PROGRAM, measurements=found)))

    assert "| 0.50 |" in table
    assert "Behind: durable tasks" in said


def test_only_skep_decides_the_exit_status() -> None:
    """A rival's failure is reported; one of Skep's fails the run."""
    failed = Measurement(contestant="arq", row="dags", repeat=0, took_s=1, failure="wrong")
    own = replace(failed, contestant="skep-redis")

    assert report.status(Run(PROGRAM, measurements=[failed])) == 0
    assert report.status(Run(PROGRAM, measurements=[failed, own])) == 1


def test_a_paced_row_gives_each_contestant_the_same_time() -> None:
    """The number of tasks follows the contestant's pace; other rows are the same for all."""
    queue, dags = ROWS["queue"], ROWS["dags"]

    assert size(queue, "full", pace=2_000) == 10 * size(queue, "full", pace=200)
    assert size(dags, "full", pace=2_000) == size(dags, "full", pace=200)


def test_every_contestant_is_made_of_what_there_is() -> None:
    """Its rows exist, its standing names metrics, and its environment has pinned requirements."""
    for contestant in CAST.values():
        assert contestant.rows <= ROWS.keys()
        assert contestant.standing.keys() <= METRICS.keys()
        if contestant.environment:
            pins = report.versions(contestant.environment)
            assert pins
            assert not any("://" in version for version in pins.values())


@pytest.mark.parametrize("module", ["bench.figures", "bench.plot"])
def test_the_examples_in_docstrings_hold(module: str) -> None:
    """The doctests of the bench pass."""
    assert doctest.testmod(importlib.import_module(module)).failed == 0
