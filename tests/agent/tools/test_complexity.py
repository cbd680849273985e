"""Sizes, functions and branches."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from skep.agent.tools import complexity as module
from skep.agent.tools.complexity import complexity
from skep.agent.tools.pythoncode import Unparsed, functions_in
from skep.agent.workspace import Workspace

Write = Callable[..., Path]

DECIDING = """
class Shop:
    async def sell(self, items, customer):
        for item in items:
            if item and customer and item.price or not customer:
                try:
                    price = 1 if item else 2
                except ValueError:
                    pass
                except KeyError:
                    pass
        def inner():
            while True:
                pass
        return [i for i in items if i if i.price]
"""


def test_complexity_counts_decision_points() -> None:
    """One, and one more for each loop, condition, operand and handler; inner functions apart."""
    found = {function.name: function for function in functions_in(DECIDING.encode())}

    assert found["Shop.sell"].complexity == 1 + 1 + 1 + 3 + 1 + 2 + 3
    assert found["Shop.sell.inner"].complexity == 2
    assert (found["Shop.sell"].line, found["Shop.sell"].lines) == (3, 13)


def test_the_longest_and_the_most_complex_functions_are_named(
    write: Write, workspace: Workspace
) -> None:
    """Each function has its path, line, length and complexity, the largest first."""
    write("long.py", "def long():\n" + "    x = 1\n" * 60)
    write("deep.py", "\n\ndef deep(x):\n" + "    if x: pass\n" * 12)

    found = complexity(workspace)

    assert found["longest_functions"][0] == {
        "path": "long.py", "line": 1, "name": "long", "lines": 61, "complexity": 1,
    }  # fmt: skip
    assert found["most_complex_functions"][0]["name"] == "deep"
    assert found["most_complex_functions"][0]["complexity"] == 13
    assert found["python"]["functions_over_50_lines"] == 1
    assert found["python"]["functions_over_complexity_10"] == 1


def test_other_languages_are_estimated_by_keywords(write: Write, workspace: Workspace) -> None:
    """Keywords and operators outside of comment lines count as branches."""
    write("a.js", "// if for while\nif (a && b) {\n  for (;;) {}\n}\n/* if\n * while\n */\n")
    write("notes.md", "if for while\n")

    found = complexity(workspace)

    assert found["most_branching_files"] == [
        {"path": "a.js", "language": "JavaScript", "lines": 7, "branches": 3}
    ]
    assert found["code_files"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"def broken(:\n",
        b"x = " + b"(" * 50_000,
        b"x = " + b"-" * 50_000 + b"1",
        b"x" + b".a" * 50_000,
        b"x = 1" + b" + 1" * 50_000,
        b"x = " + b"[" * 50_000 + b"]" * 50_000,
        b"# coding: nonsense\n",
        b"\xff\xfe",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_no_file_breaks_the_parser(content: bytes) -> None:
    """A broken file, or one that nests without end, is at worst unparsed, in a thread too."""
    outcomes: list[object] = []

    def parse() -> None:
        try:
            outcomes.append(functions_in(content))
        except Unparsed as unparsed:
            outcomes.append(unparsed)

    thread = Thread(target=parse)
    thread.start()
    thread.join()

    assert len(outcomes) == 1


def test_broken_files_are_named(write: Write, workspace: Workspace) -> None:
    """A Python file that does not parse is counted, named, and still has lines."""
    write("broken.py", "def broken(:\n")
    write("whole.py", "def whole(): pass\n")

    found = complexity(workspace)["python"]

    assert (found["files"], found["parsed"], found["broken"]) == (2, 1, 1)
    assert found["broken_examples"] == ["broken.py"]


def test_odd_escapes_warn_nobody(write: Write, workspace: Workspace) -> None:
    """Warnings of the parser about a file of the workspace are not printed or raised."""
    write("odd.py", "def odd():\n    return '\\d' is 1\n")

    assert complexity(workspace)["python"]["parsed"] == 1


def test_what_is_over_the_limit_is_stated(
    write: Write, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest files are parsed first; those that no longer fit are counted."""
    write("large.py", "def large(): pass\n# " + "x" * 100 + "\n")
    write("small.py", "def small(): pass\n")
    monkeypatch.setattr(module, "PARSED_BYTES_IN_ALL", 125)

    found = complexity(workspace)

    assert [row["name"] for row in found["longest_functions"]] == ["large"]
    assert found["python"]["over_limit"] == 1
