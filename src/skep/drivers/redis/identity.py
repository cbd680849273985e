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
from skep.records.errors import IdentityInUse, StoreError
from skep.records.ids import WorkerId

IDENTITY_LEASE_S: Final = 10.0
RENEWALS: Final = 3
"""Renewals within one lease. Whoever cannot renew works on, until another has the identity."""

PID_PART: Final = 2
"""Where the process id stands in the name of an owner."""

START_FIELD: Final = 19
"""Where the start of a process stands in /proc/PID/stat, counted after its name."""

ENDED: Final = (["Z"], ["X"])
"""The states of a process that runs no more."""

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
        raise _taken(worker) from None
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with suppress(StoreError):
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
            raise _in_use(self._worker, holder, lease_s=self._lease_s)

    async def renew(self, body: asyncio.Task[object]) -> None:
        """Renew at a third of the lease, and stop the body when another has the identity."""
        while True:
            await rest(self._lease_s / RENEWALS)
            with suppress(StoreError):  # whatever it is, the next renewal tries again
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


def _in_use(worker: WorkerId, holder: str, *, lease_s: float) -> IdentityInUse:
    if _is_here(holder):
        return IdentityInUse(
            f"Another process of this host is at work as {worker}: {holder.split('/')[PID_PART]}.",
            hint="Wait until it has ended, or stop it.",
        )
    return IdentityInUse(
        f"A process of another host is at work as {worker}.",
        hint=f"Stop it, or say another --identity. If it is dead: try again in {lease_s:.0f} s.",
    )


def _taken(worker: WorkerId) -> IdentityInUse:
    return IdentityInUse(
        f"Another process has taken over the identity {worker}, so this one has stopped.",
        hint="It could not reach the store for too long. Start it again once the other has ended.",
    )


def process_name(pid: int) -> str:
    """Name a process so that no other one, now or later, on this host or another, is called so."""
    boot = _read(PROC / "sys/kernel/random/boot_id")
    return f"{boot}/{_namespace()}/{pid}/{_start(pid)}"


def _is_dead(owner: str) -> bool:
    """Say whether the owner is known to be a process of this very host and to be gone."""
    _, _, pid, start, _ = owner.split("/")
    return _is_here(owner) and _start(int(pid)) != start


def _is_here(owner: str) -> bool:
    """Say whether the owner is known to be, or to have been, a process that this one can see."""
    boot, namespace, _, start, _ = owner.split("/")
    here = (_read(PROC / "sys/kernel/random/boot_id"), _namespace())
    return bool(boot and namespace and start) and (boot, namespace) == here


def _namespace() -> str:
    with suppress(OSError):
        return (PROC / "self/ns/pid").readlink().name
    return ""


def _start(pid: int) -> str:
    stat = _read(PROC / str(pid) / "stat")
    fields = stat.rpartition(")")[2].split()
    has_ended = fields[:1] in ENDED  # and only waits for its parent to ask how
    return fields[START_FIELD] if len(fields) > START_FIELD and not has_ended else ""


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().strip()
    return ""
