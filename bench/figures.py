"""Figures: medians, spreads, and who was best."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.rows import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one contestant reached in one metric over all its runs: median, and the two ends."""

    contestant: str
    value: float
    low: float
    high: float
    runs: int


def figure(contestant: str, values: Sequence[float]) -> Figure | None:
    """Take the median and the spread of the runs; None when there were none.

    >>> figure("dramatiq", [3.0, 1.0, 2.0])
    Figure(contestant='dramatiq', value=2.0, low=1.0, high=3.0, runs=3)
    """
    if not values:
        return None
    return Figure(
        contestant=contestant,
        value=median(values),
        low=min(values),
        high=max(values),
        runs=len(values),
    )


def best(figures: Sequence[Figure], metric: Metric) -> Figure | None:
    """The best of them by their medians."""
    ranked = sorted(figures, key=lambda each: each.value, reverse=not metric.is_less_better)
    return ranked[0] if ranked else None


def rounded(value: float) -> float:
    """Keep four digits that mean something.

    >>> rounded(12345.678), rounded(0.0123456)
    (12350.0, 0.01235)
    """
    return float(f"{value:.4g}")
