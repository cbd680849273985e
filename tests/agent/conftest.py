"""Folders and repositories for the tests of what agents read."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from skep.agent.workspace import Workspace

IDENTITY: Final = {
    "GIT_AUTHOR_DATE": "2024-02-03T12:00:00+00:00",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_COMMITTER_DATE": "2024-02-03T12:00:00+00:00",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
    "PATH": os.defpath,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder that is in no repository."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Write one file of the folder, its parents included."""

    def write(name: str, content: str | bytes = "") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def git(folder: Path) -> Callable[..., str]:
    """Make the folder a repository; run git in it, as Ann or as whom the settings say."""

    def git(*arguments: str, **settings: str) -> str:
        return subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=folder,
            env=IDENTITY | settings,
            check=True,
            capture_output=True,
        ).stdout.decode("utf-8", "surrogateescape")

    git("init", "--quiet", "--initial-branch=main")
    return git


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    """The folder as agents see it; it reads the disk anew at every call."""
    return Workspace(folder)
