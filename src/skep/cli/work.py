"""`skep work`: a worker process, which takes tasks from queues until it is told to stop."""

import asyncio
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from skep.agent.catalog import read_catalog
from skep.agent.function import ROSTER
from skep.cli.failures import explained, leave, leave_at_once
from skep.cli.foreground import store_shown
from skep.cli.options import EVERYWHERE, NAME, StoreUrl, parted
from skep.cli.screen import open_screen
from skep.cli.worklog import Post, WorkLog
from skep.compose import (
    LEASE_S,
    SLOTS,
    WorkerOptions,
    check_shared,
    new_identity,
    open_fleet,
    system_clock,
    working,
)
from skep.hive.fleet import Fleet
from skep.policy.expiry import LEASE_S_MAX
from skep.records.duration import seconds
from skep.records.errors import InvalidInput, SkepError
from skep.records.ids import WorkerId
from skep.runtime import interruptible
from skep.settings import Settings, address_of, read_settings

DEFAULT_QUEUE: Final = "default"
DONE: Final = 0


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asked:
    """What may be asked of a worker."""

    slots: Annotated[
        int, Parameter(metavar="N", help="How many tasks to work on at once. Default: 8.")
    ] = SLOTS
    queues: Annotated[
        str, Parameter(metavar="A,B", help="The queues to take tasks from. Default: default.")
    ] = DEFAULT_QUEUE
    capabilities: Annotated[
        str, Parameter(metavar="X,Y", help="What to offer besides what the agents here can do.")
    ] = ""
    identity: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="A name of its own: restarted under it, the worker takes its work back at once.",
        ),
    ] = None
    modules: Annotated[
        list[str] | None,
        Parameter(
            name="--import",
            metavar="MODULE",
            consume_multiple=True,
            help="Python modules with function agents to bring, as found from this folder.",
        ),
    ] = None
    finish: Annotated[
        str | None,
        Parameter(
            metavar="SECONDS",
            help="When told to stop, how long to wait for what runs before handing it back.",
        ),
    ] = None
    lease: Annotated[float, Parameter(show=False)] = LEASE_S
    store: StoreUrl = None
    json: Annotated[bool, Parameter(name="--json", group=EVERYWHERE, help="Write JSON lines.")] = (
        False
    )


NOTHING_ASKED: Final = Asked()


def work(*, asked: Asked = NOTHING_ASKED) -> int:
    """Take tasks from queues and work on them, until SIGTERM or SIGINT.

    Stopping hands back what runs, for others to go on with; a second signal leaves at once.
    """
    settings = read_settings(store=asked.store)
    check_shared(settings)
    log = WorkLog(open_screen(), system_clock(), as_json=asked.json)
    options = _options(asked, log)
    finish_s = seconds(asked.finish) if asked.finish else 0.0
    _bring(asked.modules or [])
    asyncio.run(_worked(settings, options, log, finish_s=finish_s))
    return DONE


def _options(asked: Asked, log: WorkLog) -> WorkerOptions:
    """Read how to work. Raises `InvalidInput`."""
    if asked.slots < 1:
        raise InvalidInput("A worker needs at least one slot.", hint="Say --slots 4.")
    if not 0 < asked.lease <= LEASE_S_MAX:
        raise InvalidInput(f"A lease is longer than 0 and at most {LEASE_S_MAX:g} seconds long.")
    queues = parted(asked.queues)
    if not queues:
        raise InvalidInput("A worker needs a queue.", hint="Say --queues default.")
    if asked.identity is not None and not NAME.fullmatch(asked.identity):
        raise InvalidInput(
            f"{asked.identity!r} is no identity.",
            hint="Use up to 64 letters, digits, dots, hyphens and underscores.",
        )
    return WorkerOptions(
        slots=asked.slots,
        queues=queues,
        capabilities=parted(asked.capabilities),
        identity=WorkerId(asked.identity) if asked.identity else new_identity(),
        lease_s=asked.lease,
        witness=log,
        announces=True,
    )


def _bring(modules: list[str]) -> None:
    """Import the user's modules, whose function agents enlist themselves."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    for name in modules:
        try:
            import_module(name)
        except Exception as error:
            raise InvalidInput(
                f"The module {name!r} cannot be imported: {type(error).__name__}: {error}.",
                hint="Name it as in Python, with dots; it is looked for from this folder first.",
            ) from error


async def _worked(
    settings: Settings, options: WorkerOptions, log: WorkLog, *, finish_s: float
) -> None:
    """Work until a signal comes or the identity is lost, then leave in good order.

    It leaves the process from here: agents in threads would be waited for.
    """
    told_to_stop = asyncio.Event()
    with interruptible(told_to_stop, again=leave_at_once):
        try:
            async with open_fleet(settings) as fleet:
                async with working(fleet, settings, options) as runtime:
                    log.ready(_post(fleet, settings, options))
                    await told_to_stop.wait()
                    log.stopping(running=runtime.running)
                    if finish_s:
                        await runtime.drain(finish_s)
                log.stopped()
        except SkepError as error:
            leave(explained(error, open_screen(), as_json=log.as_json))
        leave(DONE)


def _post(fleet: Fleet, settings: Settings, options: WorkerOptions) -> Post:
    return Post(
        worker=str(options.identity),
        store=store_shown(settings),
        url=address_of(settings.store),
        durability=fleet.store.durability,
        queues=sorted(options.queues),
        slots=options.slots,
        agents=sorted(ROSTER.agents),
        roles=len(read_catalog(settings.state_folder.parent).roles),
    )
