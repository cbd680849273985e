"""A small repository with something of everything, and what the tools say of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest
from pydantic_core import to_jsonable_python

from skep.agent.tools.shelf import SHELF
from skep.agent.workspace import Workspace
from skep.records.values import Json

Write = Callable[..., Path]
Git = Callable[..., str]

SECRET = "AKIA" + "QZ7M4XK2WJ5VTB3N"


@pytest.fixture
def findings(workspace: Workspace) -> Callable[[str], Mapping[str, Json]]:
    """Run one tool on the workspace as an agent would."""

    def findings(tool: str) -> Mapping[str, Json]:
        return cast("Mapping[str, Json]", to_jsonable_python(SHELF[tool].run(workspace)))

    return findings


@pytest.fixture
def repository(write: Write, git: Git) -> None:
    """Fill the folder: two commits, of which the second is John's."""
    branches = "".join(f"    if x == {n}:\n        return {n}\n" for n in range(11))
    body = "".join(f"    x += {n}\n" for n in range(60))
    write("src/till.py", f"def price(x):\n{branches}    return 0\n\n\ndef total(x):\n{body}")
    write("src/menu.py", f"KEY = '{SECRET}'\n# FIXME: ask ann:https://ann:swordfish@tea.io/\n")
    write("tests/test_till.py", "import pytest\n\ndef test_price():\n    assert 1\n")
    write("pyproject.toml", '[project]\ndependencies = ["rich", "apsw>=3"]\n')
    write("README.md", "# Till\n\nSee [the menu](menu.md).\n")
    write("logo.png", b"\x89PNG\0\0")
    git("add", ".")
    git("commit", "--quiet", "--message=Open the till")
    write("README.md", "# Till\n\nSee [the menu](menu.md), and pay.\n")
    john = {"GIT_AUTHOR_EMAIL": "john@example.org", "GIT_AUTHOR_DATE": "2024-02-04T12:00:00+00:00"}
    git("commit", "--all", "--quiet", "--message=Pay", **john)
