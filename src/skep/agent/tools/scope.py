"""What every tool says of the files that it looked at, beside what it found in them."""

from typing import Final, TypedDict

from skep.agent.files import Listing, SkippedFiles

TOP: Final = 10
"""How many of the largest, longest or most changed are named, unless more are asked for."""
TOP_MAX: Final = 1_000
LINE_CHARS_MAX: Final = 160
"""How much of a line stands in a finding."""


class Scope(TypedDict):
    """The files of the workspace, and those of them that were not read."""

    git: bool
    files: int
    file_bytes_max: int
    skipped: list[SkippedFiles]


def scope_of(listing: Listing, *, bytes_max: int) -> Scope:
    """State the scope, after all files were read: reading finds out what must be skipped."""
    return Scope(
        git=listing.git,
        files=len(listing.files),
        file_bytes_max=bytes_max,
        skipped=listing.skips.findings(),
    )


def at_most(asked: int) -> int:
    """Bring the number of entries that a model asked for between 1 and `TOP_MAX`."""
    return max(1, min(asked, TOP_MAX))
