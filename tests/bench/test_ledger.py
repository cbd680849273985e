"""The ledger tells lost, repeated and disordered work."""

import struct
from collections.abc import Sequence
from pathlib import Path

from bench.stage import ledger
from bench.stage.ledger import Run

WIDTH = 2


def dag(first: int, *, times: Sequence[float] = (0, 1, 1, 2)) -> list[Run]:
    """The runs of a DAG of 1 -> 2 -> 1 that began at these times and took half a second each."""
    return [Run(task=first + n, began=at, ended=at + 0.5) for n, at in enumerate(times)]


def test_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A record holds the task and its times; the count needs no reading."""
    path = tmp_path / "ledger"
    path.write_bytes(struct.pack("<QQQ", 7, 1_000_000_000, 2_500_000_000))

    assert ledger.runs(path) == [Run(task=7, began=1.0, ended=2.5)]
    assert (ledger.count(path), ledger.count(tmp_path / "none")) == (1, 0)


def test_half_a_record_is_not_read(tmp_path: Path) -> None:
    """Who reads while a task writes sees what is whole."""
    path = tmp_path / "ledger"
    path.write_bytes(struct.pack("<QQQ", 7, 1_000_000_000, 2_500_000_000) + b"1234")

    assert ledger.runs(path) == [Run(task=7, began=1.0, ended=2.5)]


def test_a_task_that_never_ran_is_a_fault() -> None:
    """What is missing in the ledger was lost."""
    assert list(ledger.faults(dag(0), range(5))) == ["1 of 5 tasks never ran"]


def test_a_task_that_ran_twice_is_a_fault_unless_its_worker_was_killed() -> None:
    """Running again is allowed after a kill, and only then."""
    twice = [*dag(0), *dag(0)[:1]]

    assert list(ledger.faults(twice, range(4))) == ["1 tasks ran more than once"]
    assert list(ledger.faults(twice, range(4), again=True)) == []


def test_a_leaf_that_began_before_the_root_ended_is_disorder() -> None:
    """Each DAG is looked at by itself."""
    early = dag(4, times=(0, 0.4, 1, 2))

    assert ledger.disorder(dag(0), width=WIDTH) == 0
    assert ledger.disorder([*dag(0), *early], width=WIDTH) == 1


def test_a_join_that_began_before_a_leaf_ended_is_disorder() -> None:
    """So is a DAG of which a task is missing."""
    assert ledger.disorder(dag(0, times=(0, 1, 1, 1.4)), width=WIDTH) == 1
    assert ledger.disorder(dag(0)[:3], width=WIDTH) == 1
