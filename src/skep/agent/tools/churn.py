"""The history of the workspace as git tells it: how many commits, of when, and to which files."""

import os
from collections import Counter
from collections.abc import Iterator
from heapq import nsmallest
from typing import Final, TypedDict

from skep.agent.git import Repository
from skep.agent.names import shown_path
from skep.agent.tools.scope import TOP, at_most
from skep.agent.workspace import Workspace

COMMITS_MAX: Final = 10_000
"""How many commits, the newest first, are asked for the files that they changed."""


class FileChurn(TypedDict):
    """How many commits changed a file; `is_present` tells whether it is still there."""

    path: str
    commits: int
    is_present: bool


class YearOfCommits(TypedDict):
    """How many commits bear an author date of a year."""

    year: str
    commits: int


class Churn(TypedDict):
    """What git knows of the past of the workspace; all figures are zero where `git` is false."""

    git: bool
    reason: str
    head: str
    is_shallow: bool
    commits: int
    authors: int
    busiest_author_commits: int
    first_commit: str
    last_commit: str
    years: list[YearOfCommits]
    commits_with_files: int
    files_changed: int
    changes: int
    most_changed: list[FileChurn]


def churn(workspace: Workspace, *, top: int = TOP) -> Churn:
    """Tell the history from git: commits, authors, dates, and the files changed most often.

    Commits are those that HEAD reaches, `git rev-list --count HEAD`; in a part of a work tree
    those that touch it. Authors are distinct addresses as committed, dates the authors' own.
    A file's commits are counted by name, without following renames, over the newest
    `commits_with_files` commits; merges change no file. A shallow clone has lost its past.

    Args:
        workspace: What to read.
        top: How many of the most often changed files to name.
    """
    repository = workspace.repository
    if repository is None:
        return _nothing("The workspace is in no git work tree, or git is not installed.")
    head = repository.lines("rev-parse", "--verify", "--quiet", "HEAD")
    if not head:
        return _nothing("The repository has no commit yet.", git=True)
    return _history(repository, workspace, top=at_most(top), head=head[0])


def _history(repository: Repository, workspace: Workspace, *, top: int, head: str) -> Churn:
    authors, days = _authors_and_days(repository)
    files = Counter(_changed_files(repository))
    return Churn(
        git=True,
        reason="",
        head=head,
        is_shallow=repository.lines("rev-parse", "--is-shallow-repository") == ["true"],
        commits=authors.total(),
        authors=len(authors),
        busiest_author_commits=max(authors.values(), default=0),
        first_commit=min(days, default=""),
        last_commit=max(days, default=""),
        years=_years(days),
        commits_with_files=min(authors.total(), COMMITS_MAX),
        files_changed=len(files),
        changes=files.total(),
        most_changed=_most_changed(files, workspace, top=top),
    )


def _nothing(reason: str, *, git: bool = False) -> Churn:
    return Churn(
        git=git,
        reason=reason,
        head="",
        is_shallow=False,
        commits=0,
        authors=0,
        busiest_author_commits=0,
        first_commit="",
        last_commit="",
        years=[],
        commits_with_files=0,
        files_changed=0,
        changes=0,
        most_changed=[],
    )


def _authors_and_days(repository: Repository) -> tuple[Counter[bytes], Counter[str]]:
    authors: Counter[bytes] = Counter()
    days: Counter[str] = Counter()
    for commit in _log(repository, "-z", "--format=%as%x20%ae"):
        day, _, author = commit.partition(b" ")
        authors[author] += 1
        days[day.decode("ascii", "replace")] += 1
    return authors, days


def _changed_files(repository: Repository) -> Iterator[bytes]:
    names = _log(
        repository,
        "-z",
        "--format=",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "--relative",
        f"--max-count={COMMITS_MAX}",
    )
    return filter(None, names)


def _log(repository: Repository, *options: str) -> Iterator[bytes]:
    part = () if repository.is_whole else ("--", ".")
    return repository.records("log", *options, "HEAD", *part)


def _years(days: Counter[str]) -> list[YearOfCommits]:
    years: Counter[str] = Counter()
    for day, commits in days.items():
        years[day.partition("-")[0]] += commits
    return [YearOfCommits(year=year, commits=commits) for year, commits in sorted(years.items())]


def _most_changed(files: Counter[bytes], workspace: Workspace, *, top: int) -> list[FileChurn]:
    most = nsmallest(top, files.items(), key=lambda row: (-row[1], row[0]))
    return [
        FileChurn(path=shown_path(path), commits=commits, is_present=workspace.has(path))
        for path, commits in ((os.fsdecode(name), commits) for name, commits in most)
    ]
