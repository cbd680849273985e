"""What tasks wait to be told by a person, and which command tells them."""

from collections.abc import Iterable, Sequence
from typing import Final

from skep.records.ids import ApprovalId
from skep.records.task import Task

SHORT_CHARS: Final = 8


def awaited_by(tasks: Iterable[Task]) -> Sequence[ApprovalId]:
    """Name the approvals that tasks wait for."""
    return [approval for task in tasks for approval in task.awaits]


def answer_with(awaited: Sequence[str]) -> str:
    """Say which command answers what is awaited; empty when nothing is.

    >>> answer_with(["3fa8c1d200000000"])
    'skep approvals approve 3fa8c1d2, or skep approvals deny 3fa8c1d2'
    """
    if len(awaited) > 1:
        return "skep approvals list"
    return "".join(
        f"skep approvals approve {name}, or skep approvals deny {name}"
        for name in map(short_approval, awaited)
    )


def short_approval(approval: str) -> str:
    """Give the beginning of an id, by which it can be named."""
    return approval[:SHORT_CHARS]
