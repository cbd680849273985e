"""Listing, reading and searching."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skep.agent.files import FileRefused
from skep.agent.tools.reading import (
    READ_BYTES_MAX,
    SMALL_BYTES_MAX,
    list_files,
    read_file,
    read_small_file,
    search,
)
from skep.agent.workspace import Workspace

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*", ["README.md", "src/a.py", "src/deep/b.py"]),
        ("*.py", ["src/a.py", "src/deep/b.py"]),
        ("src/*.py", ["src/a.py", "src/deep/b.py"]),
        ("a.?y", ["src/a.py"]),
        ("*.PY", []),
    ],
)
def test_a_glob_chooses_files(
    glob: str, expected: list[str], write: Write, workspace: Workspace
) -> None:
    """A glob with a slash is compared with the path, one without with the name."""
    for name in ("README.md", "src/a.py", "src/deep/b.py"):
        write(name)

    assert [file["path"] for file in list_files(workspace, glob=glob)["files"]] == expected


def test_a_range_of_lines_is_read(write: Write, workspace: Workspace) -> None:
    """Lines are numbered from 1, and the rest of the file is known to be there."""
    write("a.txt", "one\ntwo\nthree\nfour")

    found = read_file(workspace, path="a.txt", first_line=2, lines=2)

    assert found == {
        "path": "a.txt",
        "first_line": 2,
        "last_line": 3,
        "lines_in_all": 4,
        "is_whole": False,
        "text": "two\nthree\n",
    }


def test_a_whole_file_says_so(write: Write, workspace: Workspace) -> None:
    """A file that fits is given whole, without a final newline too."""
    write("a.txt", "one\ntwo")

    found = read_file(workspace, path="a.txt")

    assert (found["is_whole"], found["text"], found["last_line"]) == (True, "one\ntwo", 2)


@pytest.mark.parametrize("content", ["", "one\n\ttwo", "soft\u00adhyphen\n", "x" * SMALL_BYTES_MAX])
def test_a_small_file_is_read_as_any_other(
    content: str, write: Write, workspace: Workspace
) -> None:
    """What is read without a thread is what the tool would have given."""
    write("a.txt", content[:SMALL_BYTES_MAX])

    found = read_small_file(workspace, path="a.txt", first_line=1, lines=2)

    assert found == read_file(workspace, path="a.txt", first_line=1, lines=2)


def test_a_larger_file_is_left_to_a_thread(write: Write, workspace: Workspace) -> None:
    """It is not read at once, and its refusals are those of the tool."""
    write("a.txt", "x" * (SMALL_BYTES_MAX + 1))

    assert read_small_file(workspace, path="a.txt") is None
    with pytest.raises(FileRefused, match="missing"):
        read_small_file(workspace, path="gone.txt")


def test_a_file_with_a_strange_name_is_read_as_shown(write: Write, workspace: Workspace) -> None:
    """The path that a tool shows is the path that a model gives back."""
    write("two\nlines.txt", "content")
    (shown,) = list_files(workspace)["files"]

    assert read_file(workspace, path=shown["path"])["text"] == "content"


@pytest.mark.parametrize("content", ["x" * 200_000, "line\n" * 50_000])
def test_one_answer_has_its_limit(content: str, write: Write, workspace: Workspace) -> None:
    """However long a file or a line is, one call gives no more than its limit of bytes."""
    write("a.txt", content)

    found = read_file(workspace, path="a.txt", lines=100_000)

    assert 0 < len(found["text"]) <= READ_BYTES_MAX
    assert not found["is_whole"]


@pytest.mark.parametrize("path", ["gone.txt", "../a", "image.png", "", "\ud800", r"\u{d800}"])
def test_what_cannot_be_read_is_refused(path: str, write: Write, workspace: Workspace) -> None:
    """Absent, outside, binary: each is a typed refusal for the loop to hand to the model."""
    write("image.png", b"\0")

    with pytest.raises(FileRefused):
        read_file(workspace, path=path)


def test_a_text_is_found_as_it_is_written(write: Write, workspace: Workspace) -> None:
    """Characters of patterns have no meaning, and a line is found once."""
    write("a.py", "a.*b\naxxb a.*b a.*b\naxxb\n")
    write("b.md", "a.*b\n")

    found = search(workspace, text="a.*b", glob="*.py")

    assert [(match["path"], match["line"]) for match in found["matches"]] == [
        ("a.py", 1),
        ("a.py", 2),
    ]
    assert (found["total"], found["files"], found["scope"]["files"]) == (2, 1, 1)


def test_case_matters_unless_said(write: Write, workspace: Workspace) -> None:
    """Capital letters are told from small ones, unless asked not to be."""
    write("a.py", "Word\nword\n")

    assert search(workspace, text="WORD")["total"] == 0
    assert search(workspace, text="WORD", ignore_case=True)["total"] == 2


def test_an_empty_text_is_nowhere(write: Write, workspace: Workspace) -> None:
    """Looking for nothing, or for what no file can hold, finds nothing."""
    write("a.py", "word\n")

    assert search(workspace, text="")["total"] == 0
    assert search(workspace, text="\ud800")["total"] == 0


def test_matches_beyond_the_limit_are_counted(write: Write, workspace: Workspace) -> None:
    """What is not given is stated."""
    write("a.py", "word\n" * 5)

    found = search(workspace, text="word", limit=2)

    assert (found["total"], len(found["matches"]), found["matches_omitted"]) == (5, 2, 3)
