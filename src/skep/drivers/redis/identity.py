"""A worker's identity across hosts: held by one live process, by a lease in the store.

The owner is written as boot id, process namespace, process id, its start and a nonce. A process
that was killed lets go when its lease runs out; on its own host, where the next one can see that
it is dead, at once.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from skep.drivers.redis.ports import Desk
from skep.drivers.redis.wire import rest
from skep.records.errors import IdentityInUse, StoreUnavailable
from skep.records.ids import WorkerId

IDENTITY_LEASE_S: Final = 10.0
RENEWALS: Final = 3
"""Renewals within one lease; whoever cannot renew for so long works on without the identity."""

START_FIELD: Final = 19
"""Where the start of a process stands in /proc/PID/stat, counted after its name."""

PROC: Final = Path("/proc")


@asynccontextmanager
async def held_identity(
    desk: Desk, worker: WorkerId, *, lease_s: float = IDENTITY_LEASE_S
) -> AsyncGenerator[None]:
    """Hold an identity while the context lasts; losing it to another ends the context.

    Raises `IdentityInUse` when another live process holds it, at once or, when this one was cut
    off from the store for longer than its lease, later; and `StoreUnavailable`.
    """
    lease = _Lease(desk, worker, lease_s)
    await lease.take()
    body = asyncio.current_task()
    assert body is not None, "a context is entered by a task"
    renewing = asyncio.create_task(lease.renew(body), name=f"skep-identity-{worker}")
    try:
        yield
    except asyncio.CancelledError:
        if not lease.is_lost:
            raise
        body.uncancel()
        raise _in_use(worker) from None
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with suppress(StoreUnavailable):
            await lease.let_go()


class _Lease:
    """The lease of one owner on one identity."""

    def __init__(self, desk: Desk, worker: WorkerId, lease_s: float) -> None:
        self._desk = desk
        self._worker = worker
        self._lease_s = lease_s
        self._owner = f"{process_name(os.getpid())}/{desk.chance.nonce()}"
        self.is_lost = False

    async def take(self) -> None:
        """Take the identity, also from a process that is seen to be dead."""
        holder = await self._hold(instead_of="")
        if holder != self._owner and _is_dead(holder):
            holder = await self._hold(instead_of=holder)
        if holder != self._owner:
            raise _in_use(self._worker)

    async def renew(self, body: asyncio.Task[object]) -> None:
        """Renew at a third of the lease, and stop the body when another has the identity."""
        while True:
            await rest(self._lease_s / RENEWALS)
            with suppress(StoreUnavailable):
                if await self._hold(instead_of="") != self._owner:
                    self.is_lost = True
                    body.cancel()
                    return

    async def let_go(self) -> None:
        """Let the identity go."""
        await self._desk.call("let_go", self._worker, self._owner)

    async def _hold(self, *, instead_of: str) -> str:
        told = (self._worker, self._owner, self._lease_s, instead_of)
        return str(await self._desk.call("hold", *told))


def _in_use(worker: WorkerId) -> IdentityInUse:
    return IdentityInUse(
        f"Another process is at work as {worker}.",
        hint="Wait until it has ended, or stop it; after a crash of its host, 10 s.",
    )


def process_name(pid: int) -> str:
    """Name a process so that no other one, now or later, on this host or another, is called so."""
    boot = _read(PROC / "sys/kernel/random/boot_id")
    return f"{boot}/{_namespace()}/{pid}/{_start(pid)}"


def _is_dead(owner: str) -> bool:
    """Say whether the owner is known to be a process of this very host and to be gone."""
    boot, namespace, pid, start, _ = owner.split("/")
    if not boot or not namespace or not start:
        return False
    is_here = (boot, namespace) == (_read(PROC / "sys/kernel/random/boot_id"), _namespace())
    return is_here and _start(int(pid)) != start


def _namespace() -> str:
    with suppress(OSError):
        return (PROC / "self/ns/pid").readlink().name
    return ""


def _start(pid: int) -> str:
    stat = _read(PROC / str(pid) / "stat")
    fields = stat.rpartition(")")[2].split()
    return fields[START_FIELD] if len(fields) > START_FIELD else ""


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().strip()
    return ""
