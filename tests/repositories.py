"""Repositories that tests make for themselves."""

import subprocess
from pathlib import Path

AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def begin_repository(folder: Path, message: str) -> None:
    """Make a folder a repository, with all that is in it as the first commit."""
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    commit_all(folder, message)


def commit_all(folder: Path, message: str) -> None:
    """Commit everything that is in a repository's folder."""
    for command in (["add", "."], [*AUTHOR, "commit", "-qm", message]):
        subprocess.run(["git", *command], cwd=folder, check=True)
