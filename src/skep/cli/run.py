"""`skep run`: plan an objective, work on it before the user's eyes, and leave a report.

Detached, the swarm is only submitted: workers that serve its queue do the rest.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

from skep.cli.budget import read_dollars
from skep.cli.documents import swarm_json, write_json
from skep.cli.ending import conclude, told
from skep.cli.export import checked_out
from skep.cli.failures import FAILED
from skep.cli.foreground import Foreground, check_servable, work_on
from skep.cli.options import NAME, PlannerName, Working, agents_at_once
from skep.cli.progress import stage
from skep.cli.request import Wish, read_wish, read_workspace
from skep.cli.screen import Screen, clean, is_live, open_screen
from skep.cli.spending import confirmed
from skep.compose import SLOTS, check_shared, open_fleet, run_queue
from skep.hive.fleet import Fleet
from skep.hive.handle import Spending, SwarmHandle
from skep.hive.planner import is_to_draft
from skep.records.duration import seconds
from skep.records.errors import InvalidInput
from skep.records.ids import SwarmId
from skep.settings import Settings, read_settings


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asked(Working):
    """What may be asked of a run."""

    workspace: Annotated[
        str, Parameter(metavar="DIR", help="The folder to work in. Default: this one.")
    ] = "."
    input: Annotated[
        str | None, Parameter(metavar="FILE", help="A text file to hand to the tasks.")
    ] = None
    plan: Annotated[
        str | None,
        Parameter(
            metavar="FILE",
            allow_leading_hyphen=True,
            help="A plan to work on, in JSON or YAML; `-` reads stdin.",
        ),
    ] = None
    planner: PlannerName = None
    model: Annotated[
        str | None, Parameter(metavar="NAME", help="The model, as provider:name, or `offline`.")
    ] = None
    timeout: Annotated[
        str | None, Parameter(metavar="TIME", help="How long the swarm may take: 90s, 10m or 2h.")
    ] = None
    budget_usd: Annotated[
        str, Parameter(metavar="USD", help="What models may cost at most, or `none`.")
    ] = "2"
    budget_tokens: Annotated[
        int | None, Parameter(metavar="N", help="How many tokens models may take at most.")
    ] = None
    budget_requests: Annotated[
        int | None, Parameter(metavar="N", help="How often models may be asked at most.")
    ] = None
    yes: Annotated[bool, Parameter(help="Do not ask before a model costs money.")] = False
    detach: Annotated[
        bool, Parameter(help="Leave the work to workers (`skep work`), and end at once.")
    ] = False
    queue: Annotated[
        str | None,
        Parameter(metavar="NAME", help="With --detach: the queue of all tasks. Default: default."),
    ] = None


NOTHING_ASKED: Final = Asked()


def run(
    objective: Annotated[str | None, Parameter(help="What to do; `-` reads stdin.")] = None,
    /,
    *,
    asked: Asked = NOTHING_ASKED,
) -> int:
    """Work on an objective in the foreground, or leave it to workers; returns the exit code."""
    settings, screen = read_settings(store=asked.store), open_screen()
    terms = _terms(asked, settings)
    wish = read_wish(
        objective,
        settings,
        plan=asked.plan or asked.planner,
        input_file=asked.input,
        model=asked.model,
        falls_back=not asked.detach,
    )
    if not asked.detach:
        check_servable(wish.plan.tasks, settings)
    with suppress(BrokenPipeError):
        _introduce(wish, screen, asked)
    if not _confirmed(wish, screen, asked):
        screen.err.print("Nothing was run.")
        return FAILED
    return asyncio.run((_detached if asked.detach else _worked)(wish, terms, screen))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """The terms of a run, read before anything begins."""

    settings: Settings
    slots: int
    timeout_s: float | None
    workspace: str
    out: str | None
    queue: str | None
    as_json: bool
    spending: Spending


def _terms(asked: Asked, settings: Settings) -> _Terms:
    if asked.plan and asked.planner:
        raise InvalidInput("A plan of your own needs no planner.", hint="Leave one of them out.")
    if asked.detach:
        _check_detached(asked, settings)
    elif asked.queue is not None:
        raise InvalidInput("A foreground run has a queue of its own.", hint="Say --detach too.")
    if asked.out:
        checked_out(asked.out)
    return _Terms(
        settings=settings,
        slots=agents_at_once(asked.max_agents, SLOTS),
        timeout_s=seconds(asked.timeout) if asked.timeout else None,
        workspace=read_workspace(asked.workspace),
        out=asked.out,
        queue=asked.queue,
        as_json=asked.json,
        spending=Spending(
            budget_usd=read_dollars(asked.budget_usd),
            budget_tokens=asked.budget_tokens,
            budget_requests=asked.budget_requests,
        ),
    )


def _check_detached(asked: Asked, settings: Settings) -> None:
    """Refuse what a process that does not wait cannot do. Raises `InvalidInput`."""
    check_shared(settings)
    if asked.out:
        raise InvalidInput(
            "A detached run does not wait for its report.",
            hint="When it has ended: skep resume ID --out FILE",
        )
    if asked.queue is not None and not NAME.fullmatch(asked.queue):
        raise InvalidInput(
            f"{asked.queue!r} is no name for a queue.",
            hint="Use up to 64 letters, digits, dots, hyphens and underscores.",
        )


async def _worked(wish: Wish, terms: _Terms, screen: Screen) -> int:
    """Submit the swarm, work on it until it rests, and write its report."""
    async with open_fleet(terms.settings) as fleet:
        swarm = SwarmId(fleet.registry.chance.uuid())
        handle = await _submit(fleet, wish, terms, swarm=swarm, queue=run_queue(swarm))
        foreground = Foreground(
            fleet=fleet,
            settings=terms.settings,
            screen=screen,
            stage=stage(screen, as_json=terms.as_json),
            slots=terms.slots,
        )
        await work_on(handle, foreground)
        ending = await conclude(handle, fleet, terms.settings, out=terms.out)
    return told(ending, screen, as_json=terms.as_json)


async def _detached(wish: Wish, terms: _Terms, screen: Screen) -> int:
    """Submit the swarm for workers to take, and say how to watch it."""
    async with open_fleet(terms.settings, is_worked_here=False) as fleet:
        swarm = SwarmId(fleet.registry.chance.uuid())
        handle = await _submit(fleet, wish, terms, swarm=swarm, queue=terms.queue)
        state, tasks = await handle.state(), await handle.tasks()
    queues = sorted({task.spec.queue for task in tasks})
    if terms.as_json:
        watch = f"skep swarm watch {swarm}"
        write_json({**swarm_json(state), "queues": [*queues], "watch": watch})
        return 0
    out = screen.out
    out.print(
        f"Submitted swarm {swarm}: {len(tasks)} tasks for the workers of {', '.join(queues)}."
    )
    out.print(f"Watch it: skep swarm watch {swarm}", soft_wrap=True)
    return 0


async def _submit(
    fleet: Fleet, wish: Wish, terms: _Terms, *, swarm: SwarmId, queue: str | None
) -> SwarmHandle:
    return await fleet.submit(
        wish.objective,
        wish.plan,
        swarm=swarm,
        queue=queue,
        max_agents=terms.slots,
        timeout_s=terms.timeout_s,
        workspace=terms.workspace,
        model=wish.model,
        **terms.spending,
    )


def _introduce(wish: Wish, screen: Screen, asked: Asked) -> None:
    """Say which model works and why, where the user did not choose it."""
    console = stage(screen, as_json=asked.json)
    if console is None:
        return
    if wish.notice:
        console.print(f"{wish.notice}\n", style="dim")
    if not is_live(console):
        console.print(f"Objective: {clean(wish.objective)}", soft_wrap=True)
        console.print(f"Plan: {_planned(wish)} with the model {clean(wish.model)}", soft_wrap=True)


def _confirmed(wish: Wish, screen: Screen, asked: Asked) -> bool:
    """Ask before money is spent, when there is somebody to ask."""
    doing = "Plan and run it" if is_to_draft(wish.plan) else f"Run {_planned(wish)}"
    return confirmed(doing, wish.model, screen, is_agreed=asked.yes)


def _planned(wish: Wish) -> str:
    return "drafted" if is_to_draft(wish.plan) else f"{len(wish.plan.tasks)} tasks"
