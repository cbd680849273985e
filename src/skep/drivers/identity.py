"""A worker's identity on one host: held by one live process, and let go however that ends."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from skep.records.errors import IdentityInUse
from skep.records.ids import WorkerId


@contextmanager
def held_identity(folder: Path, worker: WorkerId) -> Generator[None]:
    """Hold an identity while the context lasts, by a lock that the system drops with the process.

    Raises `IdentityInUse` when another live process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{worker}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IdentityInUse(
                f"Another process is at work as {worker}.",
                hint="Wait until it has ended, or stop it.",
            ) from None
        yield


def is_identity_held(folder: Path, worker: WorkerId) -> bool:
    """Say whether a live process holds an identity."""
    path = folder / f"{worker}.lock"
    if not path.exists():
        return False
    try:
        with held_identity(folder, worker):
            return False
    except IdentityInUse:
        return True
