"""The history against git itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from skep.agent.tools.churn import churn
from skep.agent.workspace import Workspace

Write = Callable[..., Path]
Git = Callable[..., str]

BOB = {"GIT_AUTHOR_EMAIL": "bob@example.org", "GIT_AUTHOR_DATE": "2022-05-06T07:08:09+00:00"}


def past(write: Write, git: Git) -> None:
    """Three commits: two by Ann of 2024, one by Bob of 2022; a.py changes in each."""
    for number, author in enumerate([{}, BOB, {}]):
        write("a.py", f"{number}\n")
        write(f"part/{number}.py", f"{number}\n")
        git("add", ".")
        git("commit", "-qm", f"change {number}", **author)


def test_the_history_is_what_git_tells(write: Write, git: Git, workspace: Workspace) -> None:
    """Commits, authors and dates equal those of rev-list and log."""
    past(write, git)

    found = churn(workspace)

    assert found["commits"] == int(git("rev-list", "--count", "HEAD"))
    assert found["authors"] == len(set(git("log", "--format=%ae").split()))
    assert found["busiest_author_commits"] == 2
    assert (found["first_commit"], found["last_commit"]) == ("2022-05-06", "2024-02-03")
    assert found["years"] == [{"year": "2022", "commits": 1}, {"year": "2024", "commits": 2}]
    assert found["head"] == git("rev-parse", "HEAD").strip()


def test_files_are_ordered_by_the_commits_that_changed_them(
    write: Write, git: Git, workspace: Workspace
) -> None:
    """The most often changed files come first, with their commits, present or gone."""
    past(write, git)
    git("rm", "-q", "part/0.py")
    git("commit", "-qm", "remove")

    found = churn(workspace, top=2)

    assert found["most_changed"] == [
        {"path": "a.py", "commits": 3, "is_present": True},
        {"path": "part/0.py", "commits": 2, "is_present": False},
    ]
    assert (found["files_changed"], found["changes"]) == (4, 7)


def test_a_part_of_a_work_tree_has_its_own_history(write: Write, git: Git, folder: Path) -> None:
    """In a folder of a repository only what touches it counts, by names from there."""
    past(write, git)
    write("a.py", "outside of the part")
    git("commit", "-qam", "elsewhere")

    found = churn(Workspace(folder / "part"))

    assert found["commits"] == 3
    assert [row["path"] for row in found["most_changed"]] == ["0.py", "1.py", "2.py"]


def test_merges_and_renames_are_counted_by_name(
    write: Write, git: Git, workspace: Workspace
) -> None:
    """A merge is a commit that changes no file; a rename changes two names."""
    past(write, git)
    git("checkout", "-qb", "side", "HEAD~1")
    write("side.py", "x")
    git("add", ".")
    git("commit", "-qm", "side")
    git("merge", "-q", "--no-ff", "-m", "merge", "main")
    git("mv", "side.py", "moved.py")
    git("commit", "-qm", "rename")

    found = churn(workspace)

    commits = {row["path"]: row["commits"] for row in found["most_changed"]}
    assert found["commits"] == int(git("rev-list", "--count", "HEAD")) == 6
    assert (commits["a.py"], commits["side.py"], commits["moved.py"]) == (3, 2, 1)


def test_a_shallow_clone_says_so(write: Write, git: Git, folder: Path, tmp_path: Path) -> None:
    """A clone without its past is not taken for a young project."""
    past(write, git)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{folder}", str(clone)], check=True)

    found = churn(Workspace(clone))

    assert found["is_shallow"]
    assert found["commits"] == 1


def test_without_a_repository_there_is_no_history(workspace: Workspace) -> None:
    """A plain folder is a plain answer, not an error."""
    found = churn(workspace)

    assert not found["git"]
    assert "no git work tree" in found["reason"]
    assert found["commits"] == 0


def test_a_repository_without_commits_has_no_history(git: Git, workspace: Workspace) -> None:
    """A repository that was just made is told apart from no repository."""
    assert git("status")

    found = churn(workspace)

    assert found["git"]
    assert "no commit yet" in found["reason"]
