"""The board: what a follower of events knows of a swarm."""

import pytest

from skep.cli.board import Board
from skep.records.event import Event
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmMove, SwarmStatus

M, S = SwarmMove, SwarmStatus


def event(kind: str) -> Event:
    """An event of the swarm itself."""
    return Event(swarm=SwarmId("s"), seq=1, kind=kind, at=0.0)


@pytest.mark.parametrize("move", [M.CAP, M.RAISE, M.CUT_SHORT, M.TELL, M.EXTEND, M.SEAL])
@pytest.mark.parametrize("status", [S.ACTIVE, S.PAUSED])
def test_what_keeps_a_status_is_not_taken_for_a_change(
    move: SwarmMove, status: SwarmStatus
) -> None:
    """A swarm that was capped, told or given money stands where it stood."""
    board = Board(status=status)

    board.apply(event(move))

    assert board.status is status


@pytest.mark.parametrize(
    ("move", "status"),
    [
        (M.PAUSE, S.PAUSED),
        (M.INTERRUPT, S.INTERRUPTED),
        (M.RESUME, S.ACTIVE),
        (M.REOPEN, S.ACTIVE),
        (M.COMPLETE, S.COMPLETED),
        (M.CANCEL, S.CANCELLED),
    ],
)
def test_what_changes_a_status_does(move: SwarmMove, status: SwarmStatus) -> None:
    """Each other move leads where the table says."""
    board = Board(status=S.FAILED)

    board.apply(event(move))

    assert board.status is status
