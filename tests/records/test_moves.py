"""The tables of moves are total, and terminal states absorb."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from skep.records.errors import IllegalMove
from skep.records.event import EVENT_KINDS
from skep.records.moves import allows, moved
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TASK_MOVES, TERMINAL, TaskMove, TaskStatus

TABLES = [
    (TASK_MOVES, TaskStatus, TaskMove, TaskStatus.WAITING),
    (SWARM_MOVES, SwarmStatus, SwarmMove, SwarmStatus.INITIALIZING),
]

Table = Mapping[Any, Mapping[Any, Any]]


@pytest.mark.parametrize(("table", "statuses", "moves", "first"), TABLES)
def test_every_status_has_a_row(
    table: Table, statuses: type[StrEnum], moves: type[StrEnum], first: StrEnum
) -> None:
    """The table says of every status what may happen to it, and uses every move."""
    assert set(table) == set(statuses)
    assert {move for row in table.values() for move in row} == set(moves)
    assert first in table


@pytest.mark.parametrize(("table", "statuses", "moves", "first"), TABLES)
def test_every_status_can_be_reached(
    table: Table, statuses: type[StrEnum], moves: type[StrEnum], first: StrEnum
) -> None:
    """From the first status a way leads to every other."""
    reached, frontier = {first}, [first]
    while frontier:
        fresh = set(table[frontier.pop()].values()) - reached
        reached |= fresh
        frontier.extend(fresh)

    assert reached == set(statuses) & reached | set(table) & set(statuses)
    assert set(moves)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_ended_task_only_reopens(status: TaskStatus) -> None:
    """A terminal task absorbs every move but the one that begins its next run."""
    assert dict(TASK_MOVES[status]) == {TaskMove.REOPEN: TaskStatus.WAITING}


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_ended_swarm_only_reopens(status: SwarmStatus) -> None:
    """An ended swarm absorbs every move; a cancelled one the reopening too."""
    expected = {} if status is SwarmStatus.CANCELLED else {SwarmMove.REOPEN: SwarmStatus.ACTIVE}
    assert dict(SWARM_MOVES[status]) == expected


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - TERMINAL))
def test_every_live_task_can_be_cancelled(status: TaskStatus) -> None:
    """Wherever a task stands, a cancel reaches it."""
    assert moved(TASK_MOVES, status, TaskMove.CANCEL) is TaskStatus.CANCELLED


@pytest.mark.parametrize("status", sorted(set(SwarmStatus) - ENDED))
def test_every_live_swarm_can_be_cancelled(status: SwarmStatus) -> None:
    """Wherever a swarm stands, a cancel reaches it."""
    assert moved(SWARM_MOVES, status, SwarmMove.CANCEL) is SwarmStatus.CANCELLED


@pytest.mark.parametrize(("table", "statuses", "moves", "first"), TABLES)
def test_a_missing_move_raises(
    table: Table, statuses: type[StrEnum], moves: type[StrEnum], first: StrEnum
) -> None:
    """What the table does not have is illegal, by name, for every pair."""
    for status in statuses:
        for move in moves:
            if allows(table, status, move):
                assert moved(table, status, move) in statuses
                continue
            with pytest.raises(IllegalMove) as raised:
                moved(table, status, move)
            assert (raised.value.status, raised.value.move) == (status, move)
    assert first


def test_every_move_is_an_event() -> None:
    """The value of a move is the kind of its event, and no two share one."""
    values = [*map(str, TaskMove), *map(str, SwarmMove)]

    assert len(set(values)) == len(values)
    assert set(values) <= EVENT_KINDS
