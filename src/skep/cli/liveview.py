"""The live view: a heading with the swarm's figures, and a line for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from skep.cli.asked import answer_with
from skep.cli.board import Board, Row
from skep.cli.screen import clean, glyph, shown_seconds
from skep.ports.system import Clock
from skep.records.swarm import SwarmStatus
from skep.records.task import TaskStatus

BAR_CELLS: Final = 24
LINES_OF_HEADING: Final = 6
ROOM_FOR_ECHO: Final = 4
NAMES_SHOWN: Final = 3
STYLES_OF_SWARM: Final = {
    SwarmStatus.COMPLETED: "bold green",
    SwarmStatus.FAILED: "bold red",
    SwarmStatus.CANCELLED: "bold red",
    SwarmStatus.INTERRUPTED: "bold yellow",
    SwarmStatus.PAUSED: "bold yellow",
}
_ORDER_WHEN_CROWDED: Final = {
    TaskStatus.RUNNING: 0,
    TaskStatus.FAILED: 1,
    TaskStatus.BLOCKED: 1,
    TaskStatus.SLEEPING: 2,
    TaskStatus.READY: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the tasks; events up to `after` were told in an earlier session."""

    swarm: str
    objective: str
    model: str
    store: str
    after: int = 0


class LiveView:
    """Draws the board as it is now."""

    def __init__(self, heading: Heading, board: Board, console: Console, *, clock: Clock) -> None:
        self._heading = heading
        self._board = board
        self._console = console
        self._clock = clock
        self._is_ascii = console.options.ascii_only

    def render(self) -> RenderableType:
        """Draw the heading and the tasks."""
        is_moving = self._board.status is SwarmStatus.ACTIVE
        now = self._clock.now() if is_moving else self._board.last_at
        return Group(self._summary(now), Text(), self._tasks(now))

    def _summary(self, now: float) -> Text:
        board, heading = self._board, self._heading
        separator = " | " if self._is_ascii else " · "
        text = Text()
        text.append(clean(heading.objective), "bold")
        text.append(
            f"\n{heading.model}{separator}{heading.store}{separator}{heading.swarm}\n", "dim"
        )
        text.append_text(self._bar())
        figures = (
            f"  {board.done}/{len(board.rows)} tasks",
            _agents(board),
            shown_seconds(board.elapsed_s(now)),
        )
        text.append(separator.join(figures))
        if board.status is not SwarmStatus.ACTIVE:
            text.append(separator)
            text.append(board.status, STYLES_OF_SWARM.get(board.status, "bold"))
        if answer := answer_with(board.awaited):
            text.append(f"\nWaits for your answer: {answer}", "bold yellow")
        return text

    def _bar(self) -> Text:
        total = max(len(self._board.rows), 1)
        filled = BAR_CELLS * self._board.done // total
        full, empty = ("#", "-") if self._is_ascii else ("━", "─")
        return Text.assemble((full * filled, "green"), (empty * (BAR_CELLS - filled), "dim"))

    def _tasks(self, now: float) -> Table:
        rows, hidden = self._shown()
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        for _ in ("task", "agent"):
            table.add_column(no_wrap=True, max_width=28, overflow="ellipsis")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(justify="right", no_wrap=True)
        # A full line would make the terminal's echo of Ctrl-C wrap, and push the view out of place.
        table.width = self._console.width - ROOM_FOR_ECHO
        for row in rows:
            table.add_row(*self._cells(row, now))
        if hidden:
            table.add_row("", Text(f"and {hidden} more", "dim"))
        return table

    def _cells(self, row: Row, now: float) -> Sequence[Text]:
        sign, style = glyph(row.status, is_ascii=self._is_ascii)
        elapsed = row.elapsed_s(now)
        is_live = row.status is TaskStatus.RUNNING
        return (
            Text(sign, style),
            Text(clean(row.key), "bold" if is_live else ""),
            Text(clean(row.agent), "" if is_live else "dim"),
            Text(clean(self._doing(row)), "cyan" if is_live else "dim"),
            Text(shown_seconds(elapsed) if elapsed is not None else "", "dim"),
        )

    def _doing(self, row: Row) -> str:
        match row.status:
            case TaskStatus.RUNNING:
                return row.saying or row.doing
            case TaskStatus.WAITING:
                return self._waits_for(row)
            case TaskStatus.READY:
                return "waits for an agent"
            case _:
                return row.reason or row.title

    def _waits_for(self, row: Row) -> str:
        open_ones = [
            key
            for key in row.after
            if key in self._board.rows and self._board.rows[key].ended_at is None
        ]
        if len(open_ones) > NAMES_SHOWN:
            return f"waits for {len(open_ones)} tasks"
        return f"waits for {', '.join(open_ones)}" if open_ones else "waits"

    def _shown(self) -> tuple[list[Row], int]:
        """Choose the rows that fit the height: those at work first, in the order of the plan."""
        rows = list(self._board.rows.values())
        room = max(self._console.height - LINES_OF_HEADING - bool(self._board.awaited), 3)
        if len(rows) <= room:
            return rows, 0
        by_interest = sorted(rows, key=lambda row: _ORDER_WHEN_CROWDED.get(row.status, 4))
        chosen = {row.key for row in by_interest[:room]}
        return [row for row in rows if row.key in chosen], len(rows) - room


def _agents(board: Board) -> str:
    """Count the agents at work, or, once they have gone, how many there were at once."""
    count = board.count(TaskStatus.RUNNING)
    words = "agent" if (count or board.peak) == 1 else "agents"
    return f"{count} {words} at work" if count else f"up to {board.peak} {words} at once"
