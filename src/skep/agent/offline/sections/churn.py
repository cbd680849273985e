"""The history in words: how many commits, of when, by how many, and the files changed most."""

from collections.abc import Iterator, Sequence
from typing import Final

from skep.agent.offline.sections.markup import code, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, lowered, share
from skep.agent.tools.churn import Churn, FileChurn

FILES_HEADING: Final = "Files changed most often"

_HASH_CHARS: Final = 12
_COMMITS_MIN: Final = 50
_ONE_HEAD_PERCENT: Final = 80
_YEARS_MAX: Final = 20


def churn(found: Churn) -> Section:
    """Write what git tells of the past."""
    if not found["commits"]:
        return Section(tools=("churn",), lead=_nothing(found))
    return Section(
        tools=("churn",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _nothing(found: Churn) -> str:
    reason = lowered(plain(found["reason"] or "No commit touches this folder."))
    return f"No git history was found ({reason}), so nothing is said of how files changed."


def _lead(found: Churn) -> str:
    first, last = found["first_commit"], found["last_commit"]
    when = f"on {plain(first)}" if first == last else f"from {plain(first)} to {plain(last)}"
    cut = " of a shallow clone, which lacks the older ones," if found["is_shallow"] else ""
    return (
        f"{counted(found['commits'], 'commit')}{cut} by {counted(found['authors'], 'author')}"
        f" {when}, with changes to {counted(found['files_changed'], 'file')}."
        f" {_most_changed(found)}"
    )


def _most_changed(found: Churn) -> str:
    if not found["most_changed"]:
        return "They changed no file."
    most = found["most_changed"][0]
    if most["commits"] == 1:
        return "No file was changed by more than one commit."
    others = found["most_changed"][1:2]
    is_alone = not others or others[0]["commits"] < most["commits"]
    subject = (
        "The file changed most often is" if is_alone else "No file was changed more often than"
    )
    newest = counted(found["commits_with_files"], "commit")
    return f"{subject} {code(most['path'])}, by {figure(most['commits'])} of {newest}."


def _evidence(found: Churn) -> Iterator[str]:
    head = code(found["head"][:_HASH_CHARS])
    yield part(
        "Source",
        f"Commits reachable from {head}; authors are distinct addresses, dates the authors' own.",
    )
    if again := [row for row in found["most_changed"] if row["commits"] > 1]:
        newest = counted(found["commits_with_files"], "commit")
        yield part(
            FILES_HEADING,
            _files(again, commits=found["commits_with_files"]),
            f"Counted by name, without following renames, over the newest {newest}.",
        )
    if len(found["years"]) > 1:
        newest_first = [(plain(row["year"]), row["commits"]) for row in reversed(found["years"])]
        yield part("Commits by year", table(("Year", "Commits"), newest_first, rows_max=_YEARS_MAX))


def _files(rows: Sequence[FileChurn], *, commits: int) -> str:
    return table(
        ("File", "Commits", "Share", "Still there"),
        [
            (
                code(row["path"]),
                row["commits"],
                share(row["commits"], commits),
                "yes" if row["is_present"] else "no",
            )
            for row in rows
        ],
    )


def _remarks(found: Churn) -> Iterator[Remark]:
    busiest, commits = found["busiest_author_commits"], found["commits"]
    if commits >= _COMMITS_MIN and 100 * busiest > _ONE_HEAD_PERCENT * commits:
        yield Remark(
            Rule.ONE_HEAD,
            f"One of {counted(found['authors'], 'author')} made {figure(busiest)} of"
            f" {counted(commits, 'commit')}."
            if found["authors"] > 1
            else f"One author made all {figure(commits)} commits.",
        )
