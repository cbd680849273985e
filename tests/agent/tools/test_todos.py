"""The marked lines against grep."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skep.agent.tools.todos import MARKERS, todos
from skep.agent.workspace import Workspace

Write = Callable[..., Path]

PIECES = st.sampled_from([*MARKERS, "todo", "_", " ", "x", "é", ":", "\n", "\r", "(", "1"])


def grepped(folder: Path, pattern: str) -> int:
    command = ["grep", "-ranwE", pattern, "."]
    output = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, env={"LC_ALL": "C"}
    ).stdout
    return output.count(b"\n")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.lists(PIECES, max_size=40).map("".join))
def test_totals_equal_those_of_grep(
    text: str, write: Write, folder: Path, workspace: Workspace
) -> None:
    """Whatever stands around the markers, the counts are those of `grep -anwE`."""
    write("a.txt", text)

    found = todos(workspace)

    assert found["total"] == grepped(folder, "|".join(MARKERS))
    assert found["markers"] == {marker: grepped(folder, marker) for marker in MARKERS}


def test_a_marked_line_is_quoted_with_its_place(write: Write, workspace: Workspace) -> None:
    """Path, line and text of a marked line are given, without control characters."""
    write("src/a.py", "x = 1\n\n    # FIXME: \x1b[31mred\n")

    found = todos(workspace)

    assert found["items"] == [
        {"path": "src/a.py", "line": 3, "marker": "FIXME", "text": "# FIXME: \\u{1b}[31mred"}
    ]
    assert found["files"] == [{"path": "src/a.py", "lines": 1}]


def test_two_markers_on_a_line_are_one_line(write: Write, workspace: Workspace) -> None:
    """A line counts once in all and once for each of its markers."""
    write("a.py", "# TODO and FIXME, TODO again\n")

    found = todos(workspace)

    assert found["total"] == len(found["items"]) == 1
    assert found["markers"] == {"TODO": 1, "FIXME": 1, "XXX": 0, "HACK": 0}


def test_lines_beyond_the_limit_are_counted(write: Write, workspace: Workspace) -> None:
    """What is not quoted is stated."""
    write("a.py", "# TODO\n" * 5)

    found = todos(workspace, limit=2)

    assert (found["total"], len(found["items"]), found["items_omitted"]) == (5, 2, 3)
