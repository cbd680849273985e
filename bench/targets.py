"""Whether a figure meets its target, which is written in words: `>= 10,000; 4 x rival`."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bench.rows import Metric

OF_STORES: Final[Mapping[tuple[str, str], str]] = MappingProxyType({
    ("tasks", "redis, fsync always"): ">= 8,000",
    ("dags", "redis, fsync always"): ">= 400",
    ("start_p50", "redis, fsync always"): "<= 1.5",
    ("start_p99", "redis, fsync always"): "",
    ("result_p50", "redis, fsync always"): "<= 2.0",
    ("result_p99", "redis, fsync always"): "",
    ("step_p50", "redis, fsync always"): "<= 0.6",
    ("start_p50", "sqlite, apart"): "<= 1.5",
    ("start_p99", "sqlite, apart"): "<= 15",
    ("result_p50", "sqlite, apart"): "",
    ("result_p99", "sqlite, apart"): "",
    ("messages", "sqlite"): "",
    ("message_p50", "sqlite"): "",
    ("message_p99", "sqlite"): "",
})  # fmt: skip
"""What is asked of a variant, where that is something else; nothing is where nothing is asked."""

_BOUND: Final = re.compile(r"(<=|>=) ([\d.,]+)")
_TIMES: Final = re.compile(r"(?:>= )?([\d.]+) x rival")


def must_of(metric: Metric, store: str) -> str:
    """Say what is asked of Skep in a metric on a store, in words."""
    return OF_STORES.get((metric.name, store), metric.must)


def is_met(must: str, value: float, *, times_better: float | None) -> bool | None:
    """Say whether a value meets all that is asked; None when nothing is asked of it.

    `times_better` says how it stands to the best rival, None without one.

    >>> is_met(">= 10,000; 4 x rival", 12_000.0, times_better=3.9)
    False
    >>> is_met("<= 1.5", 1.4, times_better=None)
    True
    """
    verdicts = [_holds(word.strip(), value, times_better) for word in must.split(";") if word]
    return all(verdicts) if verdicts else None


def _holds(word: str, value: float, times_better: float | None) -> bool:
    if times := _TIMES.fullmatch(word):
        return times_better is None or times_better >= float(times[1])
    bound = _BOUND.fullmatch(word)
    assert bound is not None, f"a target that nobody can read: {word}"
    limit = float(bound[2].replace(",", ""))
    return value <= limit if bound[1] == "<=" else value >= limit
