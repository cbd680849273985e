"""A worker's identity on one host: held by one live process, and let go however that ends."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname
from typing import Final

from skep.records.errors import IdentityInUse, StoreUnsafe
from skep.records.ids import WorkerId
from skep.records.lease import Offer
from skep.records.node import Node, NodeId

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


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


def this_node(offer: Offer, *, slots: int, heartbeat_s: float) -> Node:
    """Say of this process where it runs and what it offers; its worker names it."""
    boot = ""
    with suppress(OSError):
        boot = BOOT_ID.read_text().strip()
    return Node(
        id=NodeId(offer.worker),
        host=gethostname(),
        pid=os.getpid(),
        boot=boot,
        queues=tuple(sorted(offer.queues)),
        capabilities=tuple(sorted(offer.capabilities)),
        slots=slots,
        heartbeat_s=heartbeat_s,
    )


def own_folder(folder: Path) -> Path:
    """Make a folder that only this user may enter, in a place where everybody may write.

    Raises `StoreUnsafe` when somebody else made it, who could then hold our identities.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise StoreUnsafe(
            f"The folder {folder} belongs to another user.",
            hint="Remove it, or set TMPDIR to a folder of your own.",
        )
    return folder
