#!/usr/bin/env python3
"""Draw the state diagrams of docs/lifecycle.md from the tables of moves.

Each diagram stands between two comments, `<!-- diagram: NAME -->` and `<!-- end -->`; the prose
around them is written by people. With `--check` nothing is written, and the status is 1 when a
diagram differs from its table.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from pathlib import Path
from typing import Final

from skep.records.moves import Move, Status
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmStatus
from skep.records.task import TASK_MOVES, TERMINAL, TaskStatus

PAGE: Final = Path(__file__).parents[1] / "docs" / "lifecycle.md"
PLACE: Final = re.compile(r"(<!-- diagram: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Bring the page up to date, or say whether it is."""
    before = PAGE.read_text()
    after = PLACE.sub(_drawn, before)
    if "--check" in arguments:
        return int(after != before)
    PAGE.write_text(after)
    return 0


def diagram(
    moves: Mapping[Status, Mapping[Move, Status]], *, first: Status, last: AbstractSet[Status]
) -> Iterator[str]:
    """Draw one table of moves; several moves between the same two statuses share an arrow."""
    yield "stateDiagram-v2"
    yield f"    [*] --> {first}"
    for status, exits in moves.items():
        for target in dict.fromkeys(exits.values()):
            labels = [_label(move) for move, to in exits.items() if to is target]
            yield f"    {status} --> {target}: {', '.join(labels)}"
    for status in moves:
        if status in last:
            yield f"    {status} --> [*]"


def _drawn(place: re.Match[str]) -> str:
    lines = "\n".join(DIAGRAMS[place[2]])
    return f"{place[1]}```mermaid\n{lines}\n```\n{place[3]}"


def _label(move: StrEnum) -> str:
    return move.partition(".")[2]


DIAGRAMS: Final = {
    "tasks": tuple(diagram(TASK_MOVES, first=TaskStatus.WAITING, last=TERMINAL)),
    "swarm": tuple(diagram(SWARM_MOVES, first=SwarmStatus.INITIALIZING, last=ENDED)),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
