"""The murmur: what a model is saying stands in its row until the next event tells more."""

from io import StringIO

from rich.console import Console

from skep.cli.board import Board, Row
from skep.cli.liveview import Heading, LiveView
from skep.cli.murmur import Murmur
from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.task import TaskMove
from skep.testing.clock import ManualClock

KEY = TaskKey("t")
REF = TaskRef(swarm=SwarmId("s"), key=KEY)


def board() -> Board:
    """A board whose one task runs."""
    board = Board(rows={KEY: Row(key=KEY, agent="bee", title="Gather", after=())})
    board.apply(event(TaskMove.CLAIM))
    return board


def event(kind: str) -> Event:
    """An event of that task."""
    return Event(swarm=SwarmId("s"), seq=1, kind=kind, at=1.0, task=KEY)


def screen(board: Board) -> str:
    """What the live view draws of a board."""
    console = Console(file=StringIO(), width=120)
    heading = Heading(swarm="s", objective="Gather", model="m", store="memory:")
    view = LiveView(heading, board, console, clock=ManualClock())
    with console.capture() as captured:
        console.print(view.render())
    return captured.get()


def test_the_last_words_stand_in_the_row() -> None:
    """Pieces are joined; of a long speech its end is shown, and nothing that moves the cursor."""
    shown = board()
    heard = Murmur(shown).listen(REF)
    assert heard is not None

    for piece in ("The first word. ", "x" * 200, "\x1b[2J and the ", "last one"):
        heard(piece)

    assert "and the last one" in screen(shown)
    assert "first word" not in screen(shown)
    assert "\x1b[2J" not in screen(shown)


def test_an_event_takes_the_words_away() -> None:
    """What was done goes before what is being said, and the next answer begins anew."""
    shown = board()
    murmur = Murmur(shown)
    heard = murmur.listen(REF)
    assert heard is not None
    heard("half a sentence")

    shown.apply(event("step.recorded"))

    assert "half a sentence" not in screen(shown)


def test_nobody_listens_to_a_task_that_is_not_on_the_board() -> None:
    """A worker may have tasks of other swarms."""
    other = TaskRef(swarm=SwarmId("s"), key=TaskKey("other"))

    assert Murmur(board()).listen(other) is None
