"""Writing a file so that under its name there is all of it or nothing, whenever the process dies.

It is written beside its place, for its owner only, synced, and then renamed. A process that is
killed leaves a file whose name begins with a dot and ends with `.part`; nobody reads those.
"""

import glob
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from skep.records.errors import InvalidInput

PART: Final = ".part"


@contextmanager
def scratch(target: Path, *, token: str) -> Generator[Path]:
    """Give an empty file beside `target`, for its owner only, that is gone afterwards."""
    beside = target.with_name(f".{target.name}.{token}{PART}")
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield beside
    finally:
        for left in beside.parent.glob(f"{glob.escape(beside.name)}*"):
            left.unlink()


@contextmanager
def landing(target: Path, *, token: str, replaces: bool) -> Generator[Path]:
    """Give an empty file beside `target` that takes its place when the body has ended well.

    Raises `InvalidInput` when there is something in the place that must not be replaced, also
    when it came there meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(target, token=token) as beside:
        yield beside
        _sync(beside)
        _put(beside, target, replaces=replaces)
        _sync(target.parent)


def _put(beside: Path, target: Path, *, replaces: bool) -> None:
    if replaces:
        beside.replace(target)
        return
    try:
        os.link(beside, target)
    except FileExistsError:
        raise InvalidInput(f"There is something at {target} already.") from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
