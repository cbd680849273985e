"""How a status may change: one lookup in a table of moves, for tasks and for swarms."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from skep.records.errors import IllegalMove

Status = TypeVar("Status", bound=StrEnum)
Move = TypeVar("Move", bound=StrEnum)


def moved(table: Mapping[Status, Mapping[Move, Status]], status: Status, move: Move) -> Status:
    """Give the status that `move` leads to; raises `IllegalMove` where the table has none."""
    try:
        return table[status][move]
    except KeyError:
        raise IllegalMove(status=status, move=move) from None


def allows(table: Mapping[Status, Mapping[Move, Status]], status: Status, move: Move) -> bool:
    """Say whether the table has this move."""
    return move in table.get(status, {})
