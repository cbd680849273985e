"""What holds for every tool of the shelf."""

import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skep.agent.files import FileRefused
from skep.agent.tools.shelf import SHELF
from skep.agent.workspace import Workspace

Write = Callable[..., Path]
Git = Callable[..., str]

ARGUMENTS = {"read_file": {"path": "src/app.py"}, "search": {"text": "a"}}
NAMES = [
    "Cargo.toml",
    "Gemfile",
    "README.md",
    "app.js",
    "app.py",
    "composer.json",
    "go.mod",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
    "settings.yaml",
    "setup.cfg",
    "test_app.py",
]
WORDS = st.sampled_from([
    b"TODO", b"password = 'x", b"AKIA", b"-----BEGIN PRIVATE KEY-----", b"[a](b)", b"# ", b"\n",
    b"def f(", b"[project]\n", b"{", b"dependencies", b"=", b"'", b'"', b"```", b"://u:p@h",
    b"\xff",
])  # fmt: skip
CONTENTS = st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=20).map(b"".join))


@pytest.fixture
def sample(write: Write, git: Git, workspace: Workspace) -> Workspace:
    """A small repository with one of everything that a tool looks for."""
    write("src/app.py", "def add(a, b):  # TODO: floats\n    return a + b if a else b\n")
    write("tests/test_app.py", "from app import add\n\ndef test_add():\n    assert add(1, 2)\n")
    write("pyproject.toml", '[project]\nname = "x"\ndependencies = ["rich>=15", "idna"]\n')
    write("README.md", "# Title\n\n[dead](nowhere.md)\n")
    write("settings.ini", "password = s8Qz1vPp0Lr7Tn3X\n")
    write("strange\n\x1b[31m.py", "x = 1\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return workspace


@pytest.mark.parametrize("name", SHELF)
def test_a_tool_gives_the_same_json_twice(name: str, sample: Workspace, folder: Path) -> None:
    """A result holds only what JSON can, no place of this machine, and does not vary."""
    tool = SHELF[name]

    first, second = (tool.run(sample, **ARGUMENTS.get(name, {})) for _ in range(2))

    assert json.dumps(first) == json.dumps(second)
    assert str(folder) not in json.dumps(first)
    assert json.loads(json.dumps(first)) == first


@pytest.mark.parametrize("name", SHELF)
def test_a_tool_serves_an_empty_folder(name: str, write: Write, workspace: Workspace) -> None:
    """A folder with next to nothing in it is no error for any tool."""
    write("src/app.py")

    assert SHELF[name].run(workspace, **ARGUMENTS.get(name, {}))


@pytest.mark.parametrize("name", SHELF)
def test_a_tool_explains_itself(name: str) -> None:
    """The docstring gives a summary and describes every argument, for a model to read."""
    tool = SHELF[name]
    documented = (inspect.getdoc(tool.run) or "").partition("Args:")[2]

    assert tool.name == name
    assert tool.effect == "pure"
    assert tool.summary.endswith(".")
    for parameter in inspect.signature(tool.run).parameters:
        assert f"    {parameter}: " in documented


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=st.dictionaries(st.sampled_from(NAMES), CONTENTS, max_size=6))
def test_no_content_breaks_a_tool(
    files: dict[str, bytes], write: Write, workspace: Workspace
) -> None:
    """Whatever bytes the files hold, every tool answers, and its answer can be stored as UTF-8.

    Only who reads the one file that is asked for may refuse it, by its reason.
    """
    for name in NAMES:
        write(name, files.get(name, b""))

    for name, tool in SHELF.items():
        if name == "read_file":
            with suppress(FileRefused):
                assert json.dumps(tool.run(workspace, path="app.py"), ensure_ascii=False).encode()
        else:
            found = tool.run(workspace, **ARGUMENTS.get(name, {}))
            assert json.dumps(found, ensure_ascii=False).encode()
