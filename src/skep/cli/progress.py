"""Progress on screen: a view that redraws itself on a terminal, plain lines anywhere else."""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from typing import Protocol

from rich.console import Console
from rich.live import Live

from skep.cli.asked import answer_with
from skep.cli.board import Board, Row
from skep.cli.liveview import Heading, LiveView
from skep.cli.screen import Screen, clean, is_live, shown_seconds
from skep.hive.handle import SwarmHandle
from skep.ports.system import Clock
from skep.records.event import Event
from skep.records.task import TaskMove, TaskStatus


class Progress(Protocol):
    """Whoever wants to hear of each event, once the board has taken note of it."""

    def __call__(self, event: Event, board: Board) -> None:
        """Hear of an event."""
        ...


ENDS = frozenset({TaskMove.SUCCEED, TaskMove.FAIL, TaskMove.GIVE_UP, TaskMove.CANCEL})
TOLD = ENDS | {TaskMove.CLAIM, TaskMove.RETRY, TaskMove.SNOOZE, TaskMove.BLOCK, TaskMove.LOSE}
REFRESHES_PER_S = 8


async def keep_up(handle: SwarmHandle, board: Board, progress: Progress) -> None:
    """Bring the board up to date with every event until the swarm rests."""
    async for event in _known(handle, board):
        board.apply(event)
        progress(event, board)


@contextmanager
def shown(
    console: Console | None, heading: Heading, board: Board, *, clock: Clock
) -> Generator[Progress]:
    """Show progress while the context lasts; without a console nothing is shown."""
    if console is None:
        yield unseen
        return
    if not is_live(console):
        yield Lines(console, after=heading.after)
        return
    view = LiveView(heading, board, console, clock=clock)
    with Live(
        get_renderable=view.render,
        console=console,
        refresh_per_second=REFRESHES_PER_S,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield unseen


def unseen(event: Event, board: Board) -> None:
    """Show nothing of an event: the live view looks at the board by itself."""
    del event, board


class Lines:
    """One line when a task begins, and one when it ends."""

    def __init__(self, console: Console, *, after: int = 0) -> None:
        self._console = console
        self._after = after

    def __call__(self, event: Event, board: Board) -> None:
        """Print the line of an event that has one, unless it is older than this session."""
        if event.seq == self._after:
            self._remind(board)
        if event.task is None or event.kind not in TOLD or event.seq <= self._after:
            return
        row = board.rows[event.task]
        with suppress(BrokenPipeError):  # the work goes on when nobody reads of it
            self._print(event, row, board.elapsed_s(event.at))

    def _remind(self, board: Board) -> None:
        """Say which answer was waited for already when this session began."""
        if answer := answer_with(board.awaited):
            with suppress(BrokenPipeError):
                self._console.print(f"A task waits. Answer it: {answer}", soft_wrap=True)

    def _print(self, event: Event, row: Row, elapsed_s: float) -> None:
        reason = f": {clean(row.reason)}" if row.reason else ""
        line = f"{elapsed_s:6.1f} s  {_word(event, row):<14} {row.key} ({row.agent}){reason}"
        self._console.print(line, soft_wrap=True)
        if answer := answer_with(row.awaits):
            self._console.print(f"{'':10}Answer it: {answer}", soft_wrap=True)


async def _known(handle: SwarmHandle, board: Board) -> AsyncIterator[Event]:
    """Give every event, after the board has learnt of the tasks that it speaks of."""
    board.know(await handle.tasks())
    async for event in handle.events():
        if board.lacks(event):
            board.know(await handle.tasks())
        yield event


def _word(event: Event, row: Row) -> str:
    if event.kind == TaskMove.CLAIM:
        return "begins"
    if row.status is TaskStatus.SUCCEEDED and row.began_at and row.ended_at:
        return f"done in {shown_seconds(row.ended_at - row.began_at)}"
    return event.kind.removeprefix("task.").replace("_", " ")


def stage(screen: Screen, *, as_json: bool) -> Console | None:
    """Choose where progress is shown; with --json only a terminal on stderr will do."""
    if not as_json:
        return screen.out
    return screen.err if screen.err.file.isatty() else None
