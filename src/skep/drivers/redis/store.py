"""The Redis store: all ports over one wire."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final, Self

from skep.drivers.bell import Bell, Watch
from skep.drivers.redis import questions, reading
from skep.drivers.redis.census import RedisCensus, every_hosting, every_node
from skep.drivers.redis.directory import RedisDirectory
from skep.drivers.redis.disputes import RedisDisputes
from skep.drivers.redis.gates import RedisGates
from skep.drivers.redis.hints import Ears
from skep.drivers.redis.identity import IDENTITY_LEASE_S, held_identity
from skep.drivers.redis.library import library
from skep.drivers.redis.life import Life, info_of
from skep.drivers.redis.mailbox import RedisMailbox, every_message
from skep.drivers.redis.placing import RedisPlacing, choices, open_swarms
from skep.drivers.redis.pools import RedisPools
from skep.drivers.redis.ports import (
    Desk,
    RedisApprovals,
    RedisBlobs,
    RedisJournal,
    RedisLeases,
    RedisLog,
    RedisRegistry,
    RedisWork,
)
from skep.drivers.redis.retention import RedisRetention
from skep.drivers.redis.states import RedisStates
from skep.drivers.redis.terms import RedisTerms, every_duty, last_election
from skep.drivers.redis.wire import Wire
from skep.ports.inspection import Dump
from skep.ports.store import Durability
from skep.ports.system import Chance, Clock
from skep.records.errors import StoreUnsafe
from skep.records.ids import TaskRef, WorkerId

VERSION_FLOOR: Final = (7, 0)


SAFETY_POLL_S: Final = 1.0
"""How often a waiting call looks although no hint came."""


class RedisStore:
    """A store in Redis; open it by `RedisStore.open`, close it as a context manager."""

    def __init__(self, desk: Desk, ears: Ears, durability: Durability) -> None:
        self.desk = desk
        self._ears = ears
        self.durability = durability
        self.work = RedisWork(desk)
        self.leases = RedisLeases(desk)
        self.journal = RedisJournal(desk)
        self.approvals = RedisApprovals(desk)
        self.log = RedisLog(desk)
        self.registry = RedisRegistry(desk)
        self.blobs = RedisBlobs(desk)
        self.retention = RedisRetention(desk)
        self.gates = RedisGates(desk)
        self.mailbox = RedisMailbox(desk)
        self.terms = RedisTerms(desk)
        self.census = RedisCensus(desk)
        self.placing = RedisPlacing(desk)
        self.pools = RedisPools(desk)
        self.states = RedisStates(desk)
        self.disputes = RedisDisputes(desk)
        self.directory = RedisDirectory(desk)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock,
        chance: Chance,
        own_clock: bool = False,
        allows_memory: bool = False,
    ) -> Self:
        """Connect, check the server, load the functions.

        `own_clock` takes the times of all operations from `clock` in place of the server's, for
        tests. Without an append-only file the server is refused unless `allows_memory`.

        Raises `StoreUnavailable` or `StoreUnsafe`.
        """
        wire, bell = Wire(url), Bell()
        life = Life(wire, library(), chance)
        try:
            durability = await _checked(wire, allows_memory=allows_memory)
            await life.load()
            await life.arrive()
        except BaseException:
            await wire.close()
            raise
        ears = Ears(wire, bell)
        desk = Desk(
            life=life,
            watch=Watch(bell=bell, clock=clock, poll_s=SAFETY_POLL_S),
            chance=chance,
            now=(lambda: repr(clock.now())) if own_clock else str,
            listen=ears.listen,
            rung=ears.rung,
        )
        return cls(desk, ears, durability)

    @property
    def incarnation(self) -> str:
        """Which life of the store this is."""
        return self.desk.life.incarnation

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._ears.close()
        await self.desk.wire.close()

    def held_identity(
        self, worker: WorkerId, *, lease_s: float = IDENTITY_LEASE_S
    ) -> AbstractAsyncContextManager[None]:
        """Hold a worker's identity among all hosts; see `skep.drivers.redis.identity`."""
        return held_identity(self.desk, worker, lease_s=lease_s)

    async def dump(self) -> Dump:
        """See `ports.inspection.Inspectable.dump`."""
        approvals = await questions.every(self.desk.life)
        wire, incarnation = self.desk.wire, self.incarnation
        dumped = await reading.dump(wire, incarnation=incarnation, approvals=approvals)
        swarms = [swarm.id for swarm in dumped.swarms]
        return replace(
            dumped,
            messages=await every_message(self.desk, swarms),
            leadership=await last_election(wire),
            duties=await every_duty(wire),
            nodes=await every_node(self.desk),
            hostings=await every_hosting(self.desk),
            open_swarms=sorted(await open_swarms(wire), key=lambda each: each.swarm),
            pools=await self.pools.read(),
            cases=await self.disputes.find(limit=-1),
            choices=await choices(wire, swarms),
        )

    async def forget_tasks(self, refs: Sequence[TaskRef]) -> None:
        """See `ports.inspection.Inspectable.forget_tasks`."""
        for ref in refs:
            await self.desk.wire.command("DEL", f"swarm:{ref.swarm}:t:{ref.key}")
            for key in await self.desk.wire.command("KEYS", f"swarm:{ref.swarm}:ready:*"):
                await self.desk.wire.command("ZREM", key, ref.key)

    async def forget_queues(self) -> None:
        """See `ports.inspection.Inspectable.forget_queues`."""
        for pattern in (
            "skep:lane:*",
            "skep:ring:*",
            "skep:queue:*",
            "skep:dead",
            "skep:open",
            "skep:crew*",
            "swarm:*:ready:*",
            "swarm:*:seats",
        ):
            for key in await self.desk.wire.command("KEYS", pattern):
                await self.desk.wire.command("DEL", key)


async def _checked(wire: Wire, *, allows_memory: bool) -> Durability:
    """Refuse a server that cannot keep the promises; gives the class of those that it keeps."""
    version = info_of(await wire.command("INFO", "server")).get("redis_version", "0.0")
    if tuple(int(part) for part in version.split(".")[:2]) < VERSION_FLOOR:
        raise StoreUnsafe(
            f"Redis {version} has no functions.", hint="Use Redis 7.0, Valkey 7.2, or later."
        )
    policy = await _setting(wire, "maxmemory-policy")
    if policy != "noeviction":
        raise StoreUnsafe(
            f"The server evicts keys ({policy}), which would lose tasks.",
            hint="Set: CONFIG SET maxmemory-policy noeviction",
        )
    if await _setting(wire, "appendonly") == "yes":
        is_fsynced = await _setting(wire, "appendfsync") == "always"
        return Durability.FSYNCED if is_fsynced else Durability.PROCESS
    if allows_memory:
        return Durability.MEMORY
    raise StoreUnsafe(
        "The server keeps no append-only file, so its restart would lose everything.",
        hint="Set: CONFIG SET appendonly yes",
    )


async def _setting(wire: Wire, name: str) -> str:
    pair: list[str] = await wire.command("CONFIG", "GET", name)
    return pair[1] if pair else ""
