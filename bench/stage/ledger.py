"""The ledger: each task writes down that it ran, outside of the contestant, so nobody can be wrong.

One record of 24 bytes per run: the task's number, and when it began and ended by the clock that
all processes of a machine share. An append of this size is whole, costs about 2 us, and is the same
for every contestant.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from struct import Struct
from time import monotonic_ns
from typing import Final

from bench.stage.order import order

RECORD: Final = Struct("<QQQ")
NS: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one task; times in seconds of the machine's monotonic clock."""

    task: int
    began: float
    ended: float


def note(task: int, began_ns: int) -> None:
    """Write down that a task ran, from `began_ns` until now."""
    os.write(_ledger(), RECORD.pack(task, began_ns, monotonic_ns()))


def count(path: Path) -> int:
    """Count the runs so far; one call of the system."""
    try:
        return path.stat().st_size // RECORD.size
    except FileNotFoundError:
        return 0


def runs(path: Path) -> Sequence[Run]:
    """Read the runs in the order in which they ended."""
    if not path.exists():
        return []
    written = path.read_bytes()
    whole = len(written) - len(written) % RECORD.size  # a reader may see the half of an append
    return [
        Run(task=task, began=began / NS, ended=ended / NS)
        for task, began, ended in RECORD.iter_unpack(written[:whole])
    ]


def faults(found: Sequence[Run], expected: Sequence[int], *, again: bool = False) -> Iterator[str]:
    """Say what is wrong with the runs: tasks missing, or run twice where nothing was killed."""
    times = Counter(run.task for run in found)
    if missing := sum(task not in times for task in expected):
        yield f"{missing} of {len(expected)} tasks never ran"
    if not again and (twice := sum(times[task] > 1 for task in expected)):
        yield f"{twice} tasks ran more than once"


def disorder(found: Sequence[Run], *, width: int) -> int:
    """Count the DAGs (1 -> `width` -> 1, numbered in this order) that ran out of order."""
    size = width + 2
    at = {run.task: run for run in found}
    return sum(
        not _in_order([at[first + place] for place in range(size) if first + place in at], size)
        for first in range(0, max(at, default=-1) + 1, size)
    )


def _in_order(dag: Sequence[Run], size: int) -> bool:
    if len(dag) != size:
        return False
    root, *leaves, join = dag
    return all(root.ended <= leaf.began and leaf.ended <= join.began for leaf in leaves)


@cache
def _ledger() -> int:
    return os.open(order().ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
