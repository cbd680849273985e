"""Fixtures of the command line's tests: shells in small and in large folders."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell, files_into

REPO = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a small folder that no git knows."""
    return Shell(folder=files_into(tmp_path / "shop"))


@pytest.fixture
def large(tmp_path: Path) -> Shell:
    """A shell in a folder that keeps a single agent busy for a second or more."""
    for name in ("a", "b"):
        shutil.copytree(REPO / "src", tmp_path / "large" / name, ignore=_caches)
    return Shell(folder=tmp_path / "large")


@pytest.fixture
def long(shell: Shell) -> Shell:
    """A shell with a plan that keeps a single agent busy for much longer than any test waits."""
    tasks = [{"key": f"count-{number}", "agent": "cartographer"} for number in range(1000)]
    files_into(shell.folder, {"plan.json": json.dumps({"tasks": tasks})})
    return shell


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shell, Any]:
    """A shell where a swarm has completed, and the document that it ended with."""
    shell = Shell(folder=files_into(tmp_path_factory.mktemp("done")))
    result = shell.skep("run", "Audit this repository", "--json")
    assert result.code == 0, result.err
    return shell, result.json


def _caches(folder: str, names: Sequence[str]) -> set[str]:
    del folder
    return {name for name in names if name == "__pycache__"}
