"""The inventory against wc and git."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from skep.agent.tools.inventory import inventory
from skep.agent.tools.languages import language_of
from skep.agent.workspace import Workspace

Write = Callable[..., Path]
Git = Callable[..., str]


def wc(folder: Path, option: str, names: list[str]) -> int:
    command = ["wc", option, "--", *names]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return int(printed.splitlines()[-1].split()[0])


def test_figures_equal_those_of_git_and_wc(
    write: Write, git: Git, folder: Path, workspace: Workspace
) -> None:
    """Files are as many as git lists, bytes and lines as many as wc counts."""
    write("a.py", "one\ntwo\nno end of line")
    write("b/c.md", "# Title\r\n\r\n")
    write("empty.txt")
    write("new.js", "let x\n")
    git("add", "a.py", "b", "empty.txt")
    names = git("ls-files", "--cached", "--others").splitlines()

    found = inventory(workspace)

    assert found["files"] == found["scope"]["files"] == len(names)
    assert found["bytes"] == wc(folder, "-c", names)
    assert found["lines"] == wc(folder, "-l", names)


def test_languages_add_up(write: Write, workspace: Workspace) -> None:
    """Languages come largest first, by extension or first line, and sum up to the whole."""
    write("a.py", "1\n2\n3\n")
    write("run", "#!/usr/bin/env python3\n")
    write("b.go", "package b\n\n")
    write("data.unknown", "x\n")

    found = inventory(workspace)

    figures = [(row["language"], row["files"], row["lines"]) for row in found["languages"]]
    assert figures == [("Python", 2, 4), ("Go", 1, 2), ("other", 1, 1)]
    assert found["languages"][0]["extensions"] == [
        {"extension": ".py", "files": 1, "bytes": 6, "lines": 3},
        {"extension": "", "files": 1, "bytes": 23, "lines": 1},
    ]
    assert found["lines"] == sum(row["lines"] for row in found["languages"])


def test_binary_files_have_bytes_and_no_lines(write: Write, workspace: Workspace) -> None:
    """A binary file is a file and has a size; its newlines are no lines."""
    write("image.png", b"\n\n\0\n")
    write("a.txt", "line\n")

    found = inventory(workspace)

    assert (found["files"], found["bytes"], found["text_files"], found["lines"]) == (2, 9, 1, 1)
    assert found["scope"]["skipped"] == [
        {"reason": "binary", "files": 1, "examples": ["image.png"]}
    ]


def test_the_largest_come_first_and_ties_by_name(write: Write, workspace: Workspace) -> None:
    """The largest files are named in a fixed order, no more than asked for."""
    for name, size in (("b", 3), ("a", 3), ("c", 9), ("d", 1)):
        write(name, "\n" * size)

    found = inventory(workspace, top=3)

    assert [row["path"] for row in found["largest_by_bytes"]] == ["c", "a", "b"]
    assert [row["lines"] for row in found["largest_by_lines"]] == [9, 3, 3]


@pytest.mark.parametrize(
    ("path", "first_line", "language"),
    [
        ("x.TSX", b"", "TypeScript"),
        ("Dockerfile", b"", "Dockerfile"),
        ("run", b"#!/bin/sh", "Shell"),
        ("run", b"#!/usr/bin/env -S FOO=1 node --x", "JavaScript"),
        ("run", b"#!/usr/bin/python3.11 -E", "Python"),
        ("run", b"#!", "other"),
        (".py", b"", "other"),
        ("a.b/noextension", b"", "other"),
    ],
)
def test_a_language_is_known_by_name_or_first_line(
    path: str, first_line: bytes, language: str
) -> None:
    """Whole names go before extensions, extensions before `#!` lines."""
    assert language_of(path, first_line).name == language
