"""Wiring: settings become a hive; the only module that names drivers and agent kinds.

Each driver and each kind of agent is imported when it is first used: a worker of function agents
never pays for pydantic-ai, and `skep --help` for neither.
"""

import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from typing_extensions import override

from skep.agent.attempt import Bench, attempt
from skep.agent.brief import Performer
from skep.agent.catalog import read_catalog
from skep.agent.function import ROSTER, FunctionPerformer, Roster
from skep.drivers.identity import held_identity, is_identity_held
from skep.drivers.system import SystemChance, SystemClock
from skep.hive.fleet import Fleet
from skep.hive.registry import SwarmRegistry
from skep.hive.scheduler import TaskScheduler
from skep.hive.worker import DEAF, Witness, Worker
from skep.ports.store import Store
from skep.ports.system import Chance, Clock
from skep.records.errors import InvalidInput, StoreError, StoreUnavailable
from skep.records.ids import SwarmId, WorkerId
from skep.records.lease import Offer
from skep.records.role import Charter
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import AgentKind, Task, TaskStatus
from skep.records.values import digest_of
from skep.runtime import Runtime
from skep.settings import Settings, address_of, read_settings, sqlite_path

MEMORY: Final = "memory:"
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
LOCKS_FOLDER: Final = "locks"
DIGEST_CHARS: Final = 16
LEASE_S: Final = 5.0
SLOTS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a process works: how many tasks at once, from which queues, under which identity.

    `capabilities` are offered besides those of its agents.
    """

    slots: int = SLOTS
    queues: frozenset[str] = frozenset({"default"})
    capabilities: frozenset[str] = frozenset()
    identity: WorkerId | None = None
    lease_s: float = LEASE_S
    witness: Witness = DEAF


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """What a process brings besides the built-in: the user's own agents and models."""

    roster: Roster = ROSTER
    models: Mapping[str, object] = field(default_factory=dict[str, object])


TEAM: Final = Team()


@asynccontextmanager
async def open_fleet(settings: Settings, *, team: Team = TEAM) -> AsyncGenerator[Fleet]:
    """Open the store of these settings to submit, follow and steer; nothing is worked on."""
    async with await open_store(settings) as store:
        yield _fleet(store, settings, team)


@asynccontextmanager
async def open_hive(
    store: str | None = None,
    *,
    slots: int = SLOTS,
    folder: Path | None = None,
    roster: Roster = ROSTER,
    models: Mapping[str, object] | None = None,
) -> AsyncGenerator[Fleet]:
    """Open a store and work on what is submitted to it, until the context ends.

    `store` is a URL (`sqlite:///work.db`, `memory:`); without one `SKEP_STORE` or `.skep/skep.db`
    in `folder` is used. Up to `slots` tasks run at once, by the roles of the catalogue and the
    function agents of `roster`; `models` holds pydantic-ai models of your own, by the name that
    a submit says. Leaving hands back what runs.

    Raises `StoreUnavailable`, `StoreTooNew`, `StoreUnsafe`, or `InvalidInput` for the URL.
    """
    settings = read_settings(store=store, folder=folder)
    team = Team(roster=roster, models=models or {})
    async with (
        open_fleet(settings, team=team) as fleet,
        working(fleet, settings, WorkerOptions(slots=slots), team=team),
    ):
        yield fleet


@asynccontextmanager
async def working(
    fleet: Fleet, settings: Settings, options: WorkerOptions, *, team: Team = TEAM
) -> AsyncGenerator[Runtime]:
    """Work on an open fleet's tasks while the context lasts.

    Raises `IdentityInUse` when the options' identity is held by another live process.
    """
    chance = SystemChance()
    identity = options.identity or new_identity()
    with held_identity(_locks_folder(settings), identity):
        clock = SystemClock()
        bench = Bench(
            store=fleet.store, clock=clock, chance=chance, performers=_Performers(settings, team)
        )
        offer = Offer(
            worker=identity,
            queues=options.queues,
            kinds=frozenset({AgentKind.LLM, AgentKind.FUNCTION}),
            capabilities=options.capabilities
            | team.roster.capabilities
            | read_catalog(settings.state_folder.parent).capabilities,
            lease_s=options.lease_s,
        )
        worker = Worker(
            fleet.store,
            clock,
            offer=offer,
            slots=options.slots,
            attempt=partial(attempt, bench=bench),
            witness=options.witness,
        )
        async with Runtime(worker, TaskScheduler(fleet.store.leases), clock) as runtime:
            yield runtime


def new_identity() -> WorkerId:
    """Make up an identity for a worker that was given none."""
    return WorkerId(f"worker.{SystemChance().uuid()}")


def check_shared(settings: Settings) -> None:
    """Refuse a store that other processes cannot see. Raises `InvalidInput`."""
    if settings.store == MEMORY:
        raise InvalidInput(
            "A store in memory is seen by one process only.",
            hint="Say --store sqlite:///PATH or --store redis://HOST:PORT/DB.",
        )


async def open_store(settings: Settings) -> AbstractAsyncContextManager[Store]:
    """Open the store that the settings name. Raises `InvalidInput` or a `StoreError`."""
    clock, chance = SystemClock(), SystemChance()
    if settings.store == MEMORY:
        from skep.drivers.memory import MemoryStore

        return MemoryStore(clock, chance)
    if settings.store.startswith(REDIS_SCHEMES):
        return await _open_redis(settings.store, clock=clock, chance=chance)
    path = sqlite_path(settings.store)
    if path.parent == settings.state_folder:
        make_state_folder(settings.state_folder)
    from skep.drivers.sqlite import SqliteStore

    return await SqliteStore.open(path, clock=clock, chance=chance)


def system_clock() -> Clock:
    """The clock of this machine, for whoever shows how time passes."""
    return SystemClock()


async def _open_redis(
    url: str, *, clock: Clock, chance: Chance
) -> AbstractAsyncContextManager[Store]:
    try:
        from skep.drivers.redis import RedisStore
    except ImportError as error:
        raise StoreUnavailable(
            f"The store {address_of(url)} needs the package 'redis', which is not installed.",
            hint="Install it with: pip install 'skep[redis]'",
        ) from error
    return await RedisStore.open(url, clock=clock, chance=chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """The newest active swarms, and those of their tasks that run."""

    swarms: Sequence[Swarm]
    running: Sequence[Task]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteLook:
    """What a file shows: its schema and the newest one known here, what is broken, what runs.

    `flaw` is empty when the file is whole. There is no `underway` in a file with a flaw or with
    another schema.
    """

    schema: int
    schema_known: int
    flaw: str
    underway: Underway | None


def sqlite_library() -> tuple[str, str]:
    """The version of the SQLite library here, and the oldest one that is trusted with a store."""
    from skep.drivers.sqlite import connection

    return connection.apsw.sqlite_lib_version(), ".".join(map(str, connection.SQLITE_FLOOR))


def network_file_system(path: Path) -> str:
    """Name the network file system that a path is or will be on; empty when it is a local one."""
    from skep.drivers.sqlite import connection

    lines = connection.MOUNTS.read_text(errors="replace").splitlines()
    mounts = {Path(folder): kind for _, folder, kind, *_ in map(str.split, lines)}
    here = path.absolute()
    kind = next((mounts[parent] for parent in (here, *here.parents) if parent in mounts), "")
    return kind if kind in connection.NETWORK_FILE_SYSTEMS else ""


def look_into_sqlite(path: Path, *, limit: int, scans: bool) -> SqliteLook:
    """Look into a file, by a connection that cannot write; `scans` reads all of it.

    Nothing is left beside a file that nobody has open: it is read as one that cannot change, and
    once more when a flaw was seen while somebody opened it.

    Raises `StoreUnavailable` for what cannot be opened or is no database.
    """
    from skep.drivers.sqlite import reading
    from skep.drivers.sqlite.connection import Db, apsw, migrations

    flaw, underway, known = "", None, len(migrations())
    is_open = _is_open(path)
    uri = f"{path.absolute().as_uri()}?immutable={int(not is_open)}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with closing(Db(apsw.Connection(uri, flags=flags))) as db:
            schema = int(db.value("PRAGMA user_version"))
            try:
                found = str(db.value("PRAGMA quick_check(1)")) if scans else "ok"
                flaw = "" if found == "ok" else found
                if schema == known and not flaw:
                    active = SwarmStatus.ACTIVE
                    swarms = reading.swarms(db, status=active, before=None, limit=limit)
                    at_work = [each.id for each in swarms if _is_at_work(each)]
                    underway = _underway(swarms, [reading.tasks(db, each) for each in at_work])
            except apsw.Error as error:
                flaw = str(error)
    except apsw.Error as error:
        raise StoreUnavailable(f"The file cannot be read as a store: {error}.") from error
    if flaw and not is_open and _is_open(path):
        return look_into_sqlite(path, limit=limit, scans=scans)
    return SqliteLook(schema=schema, schema_known=known, flaw=flaw, underway=underway)


def _is_open(path: Path) -> bool:
    """Say whether a file has a write-ahead log: somebody has it open, or did when killed."""
    return path.with_name(f"{path.name}-wal").exists()


async def look_into_redis(url: str, *, limit: int) -> tuple[Mapping[str, str], Underway | None]:
    """Ask a server about itself and what runs in its store, and change nothing.

    Gives its INFO and, besides: `time` and `host_time` in seconds; `swarms`, how many;
    `incarnation` and `known_run_id`, as Skep last wrote them; `appendfsync`, missing where it
    must not be asked. Raises `StoreError`, `ValueError` for the URL, or `ImportError`.
    """
    from skep.drivers.redis import reading
    from skep.drivers.redis.life import info_of
    from skep.drivers.redis.wire import Wire

    wire = Wire(url)
    try:
        facts = info_of(await wire.command("INFO"))
        seconds, micros = await wire.command("TIME")
        facts |= {"time": f"{seconds}.{micros:0>6}", "host_time": repr(SystemClock().now())}
        incarnation, run_id = await wire.command("HMGET", "skep:meta", "incarnation", "run_id")
        facts |= {"incarnation": incarnation or "", "known_run_id": run_id or ""}
        facts["swarms"] = str(await wire.command("ZCARD", reading.INDEX))
        with suppress(StoreError):
            facts["appendfsync"] = (await wire.command("CONFIG", "GET", "appendfsync"))[1]
        underway = None
        with suppress(StoreError):
            ids = sorted(await wire.command("SMEMBERS", f"swarm:status:{SwarmStatus.ACTIVE}"))
            swarms = [await reading.swarm(wire, SwarmId(each)) for each in reversed(ids[-limit:])]
            at_work = [each.id for each in swarms if _is_at_work(each)]
            underway = _underway(swarms, [await reading.tasks(wire, each) for each in at_work])
        return facts, underway
    finally:
        await wire.close()


def _is_at_work(swarm: Swarm) -> bool:
    return swarm.counts.get(TaskStatus.RUNNING, 0) > 0


def _underway(swarms: Sequence[Swarm], tasks: Sequence[Sequence[Task]]) -> Underway:
    running = [each for of in tasks for each in of if each.status is TaskStatus.RUNNING]
    return Underway(swarms=swarms, running=running)


def make_state_folder(folder: Path) -> None:
    """Make the folder that holds a project's state, which git is told to ignore."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def run_identity(swarm: SwarmId) -> WorkerId:
    """The identity under which a foreground run works on its swarm."""
    return WorkerId(f"run.{swarm}")


def run_queue(swarm: SwarmId) -> str:
    """The queue of a foreground run, which nobody else serves."""
    return f"run.{swarm}"


def is_worked_on(swarm: SwarmId, settings: Settings) -> bool:
    """Say whether a live process of this host runs the swarm in its foreground."""
    return is_identity_held(_locks_folder(settings), run_identity(swarm))


def _locks_folder(settings: Settings) -> Path:
    """Where the identities of this host are locked: one place for each store, whoever opens it."""
    if settings.store.startswith("sqlite:"):
        path = sqlite_path(settings.store)
        return path.with_name(f"{path.name}.{LOCKS_FOLDER}")
    if settings.store.startswith(REDIS_SCHEMES):
        name = digest_of(address_of(settings.store))[:DIGEST_CHARS]
        return Path(gettempdir()) / f"skep-{os.getuid()}" / f"{name}.{LOCKS_FOLDER}"
    make_state_folder(settings.state_folder)
    return settings.state_folder / LOCKS_FOLDER


class _Performers(Mapping[AgentKind, Performer]):
    """A performer for each kind of agent, imported when its first task comes."""

    def __init__(self, settings: Settings, team: Team) -> None:
        self._settings = settings
        self._team = team
        self._made: dict[AgentKind, Performer] = {
            AgentKind.FUNCTION: FunctionPerformer(team.roster)
        }

    @override
    def __getitem__(self, kind: AgentKind) -> Performer:
        if kind is AgentKind.LLM and kind not in self._made:
            from skep.agent.loop import LoopPerformer
            from skep.agent.models import Models

            models = Models(environment=self._settings.environment, own=self._team.models)
            self._made[kind] = LoopPerformer(models.open)
        return self._made[kind]

    @override
    def __iter__(self) -> Iterator[AgentKind]:
        return iter((AgentKind.LLM, AgentKind.FUNCTION))

    @override
    def __len__(self) -> int:
        return 2


def _fleet(store: Store, settings: Settings, team: Team) -> Fleet:
    draw = partial(_draw_charter, settings=settings, team=team)
    return Fleet(
        store=store, registry=SwarmRegistry(store=store, chance=SystemChance(), draw_charter=draw)
    )


def _draw_charter(model: str, roles: Sequence[str], *, settings: Settings, team: Team) -> Charter:
    from skep.agent.charter import draw_charter
    from skep.agent.models import Models

    Models(environment=settings.environment, own=team.models).check(model)

    catalog = read_catalog(settings.state_folder.parent)
    return draw_charter(model, roles, catalog=catalog)
