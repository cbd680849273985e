"""Wiring: settings become a hive; the only module that names drivers and agent kinds.

Each driver and each kind of agent is imported when it is first used: a worker of function agents
never pays for pydantic-ai, and `skep --help` for neither.
"""

import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from typing_extensions import override

from skep.agent.attempt import Bench, attempt
from skep.agent.brief import Performer
from skep.agent.catalog import read_catalog
from skep.agent.function import ROSTER, FunctionPerformer, Roster
from skep.agent.hints import Listener
from skep.drivers.collector import eased_collector, set_aside
from skep.drivers.identity import held_identity, is_identity_held, own_folder, this_node
from skep.drivers.system import SystemChance, SystemClock
from skep.hive.capacity import Capacity
from skep.hive.caretaker import Caretaker
from skep.hive.election import Elector
from skep.hive.fleet import Fleet
from skep.hive.leading import coordinator_of
from skep.hive.opening import Parts
from skep.hive.postman import Postman
from skep.hive.presence import presence_of
from skep.hive.registry import SwarmRegistry
from skep.hive.scheduler import TaskScheduler
from skep.hive.worker import DEAF, Witness, Worker
from skep.ports.identity import Identities
from skep.ports.keeping import Keepable
from skep.ports.store import Store
from skep.ports.system import Chance, Clock
from skep.ports.web import Web
from skep.records.errors import InvalidInput, StoreUnavailable, StoreUnsafe
from skep.records.ids import SwarmId, WorkerId
from skep.records.lease import Offer
from skep.records.node import NodeId
from skep.records.role import BY_TIER, OFFLINE, Charter, chain_of
from skep.records.swarm import Plan
from skep.records.task import AgentKind
from skep.records.values import Json, digest_of
from skep.runtime import Runtime
from skep.settings import Settings, address_of, read_settings, sqlite_path

MEMORY: Final = "memory:"
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
LOCKS_FOLDER: Final = "locks"
HINTS_FOLDER: Final = "hints"
DIGEST_CHARS: Final = 16
RESEARCHER: Final = "researcher"
LEASE_S: Final = 5.0
SLOTS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a process works: how many tasks at once, from which queues, under which identity.

    `capabilities` are offered besides those of its agents; `listener` hears what models say. When
    it comes to lead the fleet, `announces` has it tell every live swarm. `foreground` is a swarm
    that this process alone can bring on, and whose host it therefore is.
    """

    slots: int = SLOTS
    queues: frozenset[str] = frozenset({"default"})
    capabilities: frozenset[str] = frozenset()
    listener: Listener | None = None
    identity: WorkerId | None = None
    lease_s: float = LEASE_S
    witness: Witness = DEAF
    announces: bool = False
    foreground: SwarmId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """What a process brings besides the built-in: the user's own agents and models."""

    roster: Roster = ROSTER
    models: Mapping[str, object] = field(default_factory=dict[str, object])


TEAM: Final = Team()


@asynccontextmanager
async def open_fleet(
    settings: Settings, *, team: Team = TEAM, is_worked_here: bool = True
) -> AsyncGenerator[Fleet]:
    """Open the store of these settings to submit, follow and steer; nothing is worked on.

    Where other processes do the work, the keys of models are theirs and are not asked for here.
    """
    async with (
        await open_store(settings) as store,
        Postman(store.mailbox, SystemClock()) as postman,
    ):
        registry = _registry(store, settings, team, is_worked_here=is_worked_here)
        yield Fleet(Parts(store=store, registry=registry, clock=SystemClock(), postman=postman))


async def drafted_plan(
    objective: str, settings: Settings, *, model: str, workspace: str, given: Json = None
) -> Plan:
    """Draft a plan with a language model here and now, and keep it nowhere; see `hive.preview`."""
    from skep.hive.preview import preview

    performers, passing = _Performers(settings, TEAM), replace(settings, store=MEMORY)
    async with open_fleet(passing) as fleet, aclosing(performers):
        bench = Bench(
            store=fleet.store, clock=SystemClock(), chance=SystemChance(), performers=performers
        )
        asked = partial(preview, fleet, partial(attempt, bench=bench), objective)
        return await asked(model=model, workspace=workspace, given=given)


def open_hive(
    store: str | None = None,
    *,
    slots: int = SLOTS,
    folder: Path | None = None,
    roster: Roster = ROSTER,
    models: Mapping[str, object] | None = None,
    announces: bool = False,
) -> Fleet:
    """Give a fleet that, once it is open, works on what is submitted to it until it is closed.

    To be used as `async with`, or opened with `initialize` and closed with `shutdown`.

    `store` is a URL (`sqlite:///work.db`, `memory:`); without one `SKEP_STORE` or `.skep/skep.db`
    in `folder` is used. Up to `slots` tasks run at once, by the roles of the catalogue and the
    function agents of `roster`; `models` holds pydantic-ai models of your own, by the name that
    a submit says. When it comes to lead the fleet, `announces` has it tell every live swarm.
    Leaving hands back what runs.

    Opening it raises `StoreUnavailable`, `StoreTooNew`, `StoreUnsafe`, or `InvalidInput` for the
    URL.
    """
    team = Team(roster=roster, models=models or {})
    read = partial(read_settings, store=store, folder=folder)
    options = WorkerOptions(slots=slots, announces=announces, identity=new_identity())
    return Fleet(opening=partial(_hive, read, options, team))


def create_multi_swarm_coordination(
    store: str | None = None, *, slots: int = SLOTS, folder: Path | None = None
) -> Fleet:
    """As `skep.open`, under the seed's name; who comes to lead tells every live swarm."""
    return open_hive(store, slots=slots, folder=folder, announces=True)


@asynccontextmanager
async def _hive(
    read: Callable[[], Settings], options: WorkerOptions, team: Team
) -> AsyncGenerator[Parts]:
    settings = read()
    async with (
        open_fleet(settings, team=team) as fleet,
        working(fleet, settings, options, team=team) as runtime,
    ):
        yield replace(
            fleet.parts,
            coordinator=runtime.coordinator,
            node=NodeId(options.identity or ""),
            choose=partial(_agent_for, team.roster),
        )


def _agent_for(roster: Roster, task: Mapping[str, object]) -> tuple[str, AgentKind]:
    """Name who does a task in words: whom it names, the only function agent here, a researcher."""
    named, own = task.get("agent"), roster.agents
    if named is None and len(own) == 1:
        named = next(iter(own))
    agent = str(named or RESEARCHER)
    return agent, AgentKind.FUNCTION if agent in own else AgentKind.LLM


@asynccontextmanager
async def working(
    fleet: Fleet, settings: Settings, options: WorkerOptions, *, team: Team = TEAM
) -> AsyncGenerator[Runtime]:
    """Work on an open fleet's tasks while the context lasts.

    Raises `IdentityInUse` when the options' identity is held by another live process, of this
    host or of another one, and on leaving when it was lost to one meanwhile.
    """
    chance = SystemChance()
    identity = options.identity or new_identity()
    async with _sole_holder(fleet.store, settings, identity):
        clock = SystemClock()
        performers = _Performers(settings, team)
        bench = Bench(
            store=fleet.store,
            clock=clock,
            chance=chance,
            performers=performers,
            listener=options.listener,
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
        terms, caretaker = fleet.store.terms, _caretaker(fleet, settings)
        elector = Elector(terms, clock, chance, node=identity, lease_s=settings.leader_lease_s)
        runtime = Runtime(
            worker,
            TaskScheduler(fleet.store.leases),
            clock,
            caretaker=caretaker,
            coordinator=coordinator_of(
                fleet, elector, clock=clock, caretaker=caretaker, announces=options.announces
            ),
        )
        node = this_node(offer, slots=options.slots, heartbeat_s=settings.heartbeat_s)
        with eased_collector():
            async with (
                aclosing(performers),
                presence_of(fleet.store, clock, node=node, foreground=options.foreground),
                runtime,
            ):
                yield runtime


@asynccontextmanager
async def _sole_holder(
    store: Store, settings: Settings, identity: WorkerId
) -> AsyncGenerator[None]:
    """Hold an identity on this host, and among all hosts where the store can tell."""
    with held_identity(_locks_folder(settings), identity):
        if not isinstance(store, Identities):
            yield
            return
        async with store.held_identity(identity):
            yield


def _caretaker(fleet: Fleet, settings: Settings) -> Caretaker | None:
    """Whoever forgets what has ended, where the settings ask for it."""
    keep_s = settings.retention_s
    if keep_s is None:
        return None
    return Caretaker(retention=fleet.store.retention, clock=SystemClock(), keep_s=keep_s)


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

    hints = None
    with suppress(OSError, StoreUnsafe):  # without hints the processes look by themselves
        hints = own_folder(_user_folder()) / hints_folder(path).name
    return await SqliteStore.open(path, clock=clock, chance=chance, hints=hints)


def keeper(settings: Settings) -> Keepable:
    """Whoever backs the store of these settings up and restores it. Raises `InvalidInput`."""
    check_shared(settings)
    clock, chance = SystemClock(), SystemChance()
    if settings.store.startswith(REDIS_SCHEMES):
        return _redis_keeper(settings.store, clock=clock, chance=chance)
    path = sqlite_path(settings.store)
    if path.parent == settings.state_folder:
        make_state_folder(settings.state_folder)
    from skep.drivers.sqlite.keeping import SqliteKeeper

    return SqliteKeeper(path, clock=clock, chance=chance)


def _redis_keeper(url: str, *, clock: Clock, chance: Chance) -> Keepable:
    try:
        from skep.drivers.redis.keeping import RedisKeeper
    except ImportError as error:
        raise _no_redis(url) from error
    return RedisKeeper(url, clock=clock, chance=chance)


def system_clock() -> Clock:
    """The clock of this machine, for whoever shows how time passes."""
    return SystemClock()


async def _open_redis(
    url: str, *, clock: Clock, chance: Chance
) -> AbstractAsyncContextManager[Store]:
    try:
        from skep.drivers.redis import RedisStore
    except ImportError as error:
        raise _no_redis(url) from error
    return await RedisStore.open(url, clock=clock, chance=chance)


def _no_redis(url: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"The store {address_of(url)} needs the package 'redis', which is not installed.",
        hint="Install it with: pip install 'skep[redis]'",
    )


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
        return own_folder(_user_folder()) / f"{name}.{LOCKS_FOLDER}"
    make_state_folder(settings.state_folder)
    return settings.state_folder / LOCKS_FOLDER


def hints_folder(path: Path) -> Path:
    """Where the processes of a file wake each other: one place, by whatever link it was opened.

    It is short, as the path of a socket must be, and below a folder that only this user enters.
    """
    name = digest_of(str(path.resolve()))[:DIGEST_CHARS]
    return _user_folder() / f"{name}.{HINTS_FOLDER}"


def _user_folder() -> Path:
    """Where this user's processes of one host find each other."""
    return Path(gettempdir()) / f"skep-{os.getuid()}"


class _Performers(Mapping[AgentKind, Performer]):
    """A performer for each kind of agent, imported when its first task comes."""

    def __init__(self, settings: Settings, team: Team) -> None:
        self._settings = settings
        self._team = team
        self._limits = settings.limits  # here, so that a wrong one is refused before any work
        self._web: Web | None = None
        self._made: dict[AgentKind, Performer] = {
            AgentKind.FUNCTION: FunctionPerformer(team.roster)
        }

    @override
    def __getitem__(self, kind: AgentKind) -> Performer:
        if kind is AgentKind.LLM and kind not in self._made:
            self._made[kind] = self._loop_performer()
        return self._made[kind]

    def _loop_performer(self) -> Performer:
        from skep.agent.asking import Asker
        from skep.agent.gatekeeping import Gatekeeper
        from skep.agent.loop import LoopPerformer
        from skep.agent.models import Models
        from skep.agent.prices import Prices

        models = Models(
            environment=self._settings.environment, own=self._team.models, client=self._client
        )
        asker = Asker(
            model_of=models.open,
            is_provided=models.is_provided,
            streams=self._settings.streams,
            answer_tokens_max=self._settings.patience.answer_tokens_max,
            prices=Prices(told=self._settings.prices),
            keeper=Gatekeeper(limits=self._limits),
        )
        set_aside()
        return LoopPerformer(asker)

    def _client(self) -> object:
        from skep.drivers.web import HttpWeb

        if self._web is None:
            self._web = HttpWeb(self._settings.environment, patience=self._settings.patience)
        return self._web.client()

    async def aclose(self) -> None:
        """Close the connections to providers."""
        if self._web is not None:
            await self._web.aclose()

    @override
    def __iter__(self) -> Iterator[AgentKind]:
        return iter((AgentKind.LLM, AgentKind.FUNCTION))

    @override
    def __len__(self) -> int:
        return 2


def _registry(
    store: Store, settings: Settings, team: Team, *, is_worked_here: bool
) -> SwarmRegistry:
    draw = partial(_draw_charter, settings=settings, team=team, is_worked_here=is_worked_here)
    unpriced = partial(_unpriced, settings=settings, team=team)
    return SwarmRegistry(
        store=store,
        chance=SystemChance(),
        draw_charter=draw,
        unpriced=unpriced,
        capacity=Capacity(store.directory, swarms_max=settings.swarms_max),
    )


def _unpriced(charter: Charter, *, settings: Settings, team: Team) -> str | None:
    """Name a model of a charter whose price nobody knows."""
    names = {name for role in charter.roles.values() for name in chain_of(charter.model_of(role))}
    paid = sorted(name for name in names if name != OFFLINE and name not in team.models)
    if not paid:
        return None
    from skep.agent.prices import Prices

    prices = Prices(told=settings.prices)
    unknown = (name for name in paid if prices.of(name, input_tokens=1, output_tokens=1) is None)
    return next(unknown, None)


def _draw_charter(
    model: str, roles: Sequence[str], *, settings: Settings, team: Team, is_worked_here: bool
) -> Charter:
    from skep.agent.charter import draw_charter
    from skep.agent.models import Models

    models = Models(environment=settings.environment, own=team.models)
    for each in settings.models_of(model):
        models.check(each, is_asked_here=is_worked_here)
    catalog = read_catalog(settings.state_folder.parent)
    tiers = settings.tiers if model == BY_TIER else None
    return draw_charter(model, roles, catalog=catalog, tiers=tiers, approve=settings.approve)
