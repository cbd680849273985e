"""The runner plays rows in processes of their own, and ends what it started."""

from dataclasses import replace
from pathlib import Path

import pytest
from bench.__main__ import main
from bench.cast import CAST
from bench.results import results
from bench.rows import ROWS
from bench.runner import Program, Run


def program(*rows: str, minutes: float = 1.0, patience_s: float = 60.0) -> Program:
    """A program of one contestant that needs nothing: Skep's agents on the store in memory."""
    return Program(
        contestants=[CAST["skep-agents-memory"]],
        rows=[ROWS[row] for row in rows],
        repeats=2,
        scale="quick",
        minutes=minutes,
        patience_s=patience_s,
        on_screen=print,
    )


@pytest.mark.slow
def test_a_row_is_played_checked_and_measured() -> None:
    """Agents run in a process of their own, pass the checks, and their figure comes back."""
    run = Run(program("turns", patience_s=0.1))

    run.play()

    assert [each.failure for each in run.measurements] == [""]
    assert [entry["metric"] for entry in results(run.measurements)] == ["turn"]


@pytest.mark.slow
def test_a_measurement_that_takes_too_long_is_cut() -> None:
    """What is not done when its row's time is up is ended, said to be cut, and not tried again."""
    hasty = replace(ROWS["turns"], cap_s=0.2)
    run = Run(replace(program(), rows=[hasty]))

    run.play()

    (measurement,) = run.measurements
    assert measurement.failure == "cut after 0.2 s"


@pytest.mark.slow
def test_what_the_end_of_the_run_cuts_is_nobodys_failure() -> None:
    """A measurement under way when the whole run's time is up is left out, and it is said."""
    run = Run(program("turns", minutes=0.2 / 60))

    run.play()

    assert run.measurements == []
    assert run.skipped == ["the time was up after 0 of 2 turns"]


def test_without_time_nothing_is_measured_and_it_is_said() -> None:
    """A run ends on time, and tells what it left out."""
    run = Run(program("turns", "waiting", minutes=0))

    run.play()

    assert run.measurements == []
    assert run.skipped == ["the time was up after 0 of 4 turns"]


def test_the_three_files_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, measurements and the page to read stand in the folder, however little there is."""
    status = main(
        ["--quick", "--rivals", "--rows", "turns", "--minutes", "1e-9", "--json", str(tmp_path)]
    )

    assert status == 0
    assert "times better" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "RESULTS.md",
        "measurements.json",
        "results.json",
    }
