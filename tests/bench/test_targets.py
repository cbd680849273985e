"""Targets are read as they are written."""

import pytest
from bench.cast import CAST
from bench.rows import METRICS
from bench.targets import is_met, must_of

STORES = {each.store for each in CAST.values() if each.is_own}


@pytest.mark.parametrize(
    ("must", "value", "times", "met"),
    [
        ("", 1.0, None, None),
        ("<= 0.5", 0.5, None, True),
        ("<= 0.5", 0.51, 9.0, False),
        (">= 20,000", 20_000.0, None, True),
        (">= 2 x rival", 1.0, 1.9, False),
        (">= 10,000; 4 x rival", 12_000.0, 4.0, True),
        (">= 10,000; 4 x rival", 9_000.0, 5.0, False),
        (">= 10,000; 4 x rival", 12_000.0, 3.0, False),
    ],
)
def test_a_target_is_met_by_all_of_its_words(
    must: str,
    value: float,
    times: float | None,
    *,
    met: bool | None,
) -> None:
    """Each bound must hold, and the ratio to the best rival where there is one."""
    assert is_met(must, value, times_better=times) is met


def test_every_target_can_be_read() -> None:
    """What stands in the rows makes sense on every store."""
    for metric in METRICS.values():
        for store in STORES:
            is_met(must_of(metric, store), 1.0, times_better=1.0)
