"""The script that checks a report against git, wc and grep."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skep.agent.tools.shelf import SHELF
from skep.agent.workspace import Workspace

Write = Callable[..., Path]
Git = Callable[..., str]

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_report.py"
AUDIT = [name for name in SHELF if name not in {"list_files", "read_file", "search"}]


def check(folder: Path, findings: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--workspace", str(folder), str(findings)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def findings(write: Write, git: Git, workspace: Workspace) -> dict[str, Any]:
    """The findings of every tool on a repository with all that is awkward."""
    write("src/app.py", "def add(a, b):  # TODO: floats\n    return a\n")
    write("src/two\nlines.py", "# FIXME\n")
    write("src/\udce9.JS", "if (a) {}\n")
    write("image.png", b"\n\0\n")
    write("late.txt", b"x\n" * 5_000 + b"\0 XXX\n")
    write("pyproject.toml", '[project]\ndependencies = ["rich"]\n')
    write("README.md", "# Title\n\n[dead](gone.md)\n")
    git("add", ".")
    git("commit", "-qm", "first")
    write("untracked.txt", "HACK and TODO\n")
    return {name: SHELF[name].run(workspace) for name in AUDIT}


@pytest.mark.slow
def test_true_findings_pass(findings: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    """What the tools found is what the outside commands find, as a file and as a folder."""
    whole, parts = tmp_path / "findings.json", tmp_path / "findings"
    whole.write_text(json.dumps(findings))
    parts.mkdir()
    for name, found in findings.items():
        (parts / f"{name}.json").write_text(json.dumps(found))

    checked = [check(folder, whole), check(folder, parts)]

    assert [done.returncode for done in checked] == [0, 0], checked[0].stdout
    assert checked[0].stdout == checked[1].stdout
    assert "FALSE" not in checked[0].stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "figure"),
    [("inventory", "files"), ("inventory", "lines"), ("churn", "commits"), ("todos", "total")],
)
def test_a_false_figure_fails(
    tool: str, figure: str, findings: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    """A figure that is off by one is named, and the check fails."""
    findings[tool][figure] += 1
    (tmp_path / "findings.json").write_text(json.dumps({tool: findings[tool]}))

    checked = check(folder, tmp_path / "findings.json")

    assert checked.returncode == 1
    assert checked.stdout.count("FALSE") >= 1


@pytest.mark.slow
def test_nothing_to_compare_is_no_success(folder: Path, tmp_path: Path) -> None:
    """An empty set of findings proves nothing."""
    (tmp_path / "findings.json").write_text("{}")

    assert check(folder, tmp_path / "findings.json").returncode == 2
