"""What a run came to: every measurement, and Skep's rows beside the best rival of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from bench.cast import CAST
from bench.figures import Figure, best, figure, rounded
from bench.rows import METRICS, Metric

Entry = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One contestant in one row, once: its figures, or why there are none."""

    contestant: str
    row: str
    repeat: int
    took_s: float
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    failure: str = ""

    def as_json(self) -> Entry:
        """The measurement as a plain object."""
        return asdict(self)


def figures_of(measurements: Sequence[Measurement], metric: Metric) -> Sequence[Figure]:
    """What each contestant reached in a metric, in the order of the cast."""
    found = (
        figure(
            name,
            [
                each.figures[metric.name]
                for each in measurements
                if each.contestant == name and metric.name in each.figures
            ],
        )
        for name in CAST
    )
    return [each for each in found if each is not None]


def results(measurements: Sequence[Measurement]) -> list[Entry]:
    """Skep's value of each metric on each store, beside the best rival's in the same run.

    `ratio` is value / rival_value, whichever way is better, and None without a rival; `spread`
    holds the least and the most of `runs` runs, of which `value` is the median.
    """
    entries: list[Entry] = []
    for metric in METRICS.values():
        figures = figures_of(measurements, metric)
        own = [each for each in figures if CAST[each.contestant].is_own]
        rival = best([each for each in figures if not CAST[each.contestant].is_own], metric)
        entries += [_entry(each, metric, rival) for each in own]
    return entries


def _entry(own: Figure, metric: Metric, rival: Figure | None) -> Entry:
    return {
        "store": CAST[own.contestant].store,
        "metric": metric.name,
        "value": rounded(own.value),
        "unit": metric.unit,
        "rival": rival.contestant if rival else None,
        "rival_value": rounded(rival.value) if rival else None,
        "ratio": rounded(own.value / rival.value) if rival and rival.value else None,
        "runs": own.runs,
        "spread": [rounded(own.low), rounded(own.high)],
    }
