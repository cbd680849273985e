"""Eight processes on one SQLite file: no lock reaches a caller, and work is begun at once."""

from pathlib import Path
from typing import Final

import pytest
from tests.chaos.crowd import Crowd, gathered

WAIT_MS_MAX: Final = 50.0
WAL_BYTES_MAX: Final = 64 * 2**20
ROOM: Final = 10
"""So many times the wait is allowed where other tests take the processor."""


def hold(crowd: Crowd, *, wait_ms_max: float) -> None:
    """Hold a crowd to what is promised of one file."""
    print(crowd)  # noqa: T201 - quoted
    assert crowd.errors == []
    assert crowd.left == 0
    assert crowd.integrity == "ok"
    assert crowd.wal_bytes_max <= WAL_BYTES_MAX
    assert crowd.wait_ms(99) <= wait_ms_max


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_four_processes_share_a_file_for_ten_seconds(tmp_path: Path) -> None:
    """Two workers and two submitters: everything completes, and tasks begin within a moment."""
    hold(
        gathered(tmp_path, workers=2, submitters=2, seconds=10),
        wait_ms_max=ROOM * WAIT_MS_MAX,
    )


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_eight_processes_share_a_file_for_five_minutes(tmp_path: Path) -> None:
    """Four workers and four submitters: of 100 tasks 99 begin within 50 ms of their submission."""
    hold(gathered(tmp_path, workers=4, submitters=4, seconds=300), wait_ms_max=WAIT_MS_MAX)
