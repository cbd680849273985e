"""The murmur: the last words that a model said, in the row of its task, while it says them."""

from typing import Final

from skep.agent.hints import Heard
from skep.cli.board import Board
from skep.records.ids import TaskRef

WORDS_CHARS_MAX: Final = 60
"""How much of what a model is saying stands in its row."""


class Murmur:
    """Listens for a board that somebody looks at."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def listen(self, ref: TaskRef) -> Heard | None:
        """Take the pieces of a task's next answer, when the board knows the task."""
        row = self._board.rows.get(ref.key)
        if row is None:
            return None

        def heard(piece: str) -> None:
            row.saying = f"{row.saying}{piece}"[-WORDS_CHARS_MAX:]

        row.saying = ""
        return heard
