"""The Redis store's placing: asks, answers, and the open swarms as their keys hold them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from skep.drivers.redis.answers import refusal_of
from skep.drivers.redis.asks import distribution_ask, mandate_ask, shift_ask
from skep.drivers.redis.ports import Desk
from skep.drivers.redis.wire import Wire
from skep.policy.placement import (
    by_load,
    check_distribution,
    check_shift,
    no_swarm_fits,
    not_open,
    skill_set,
)
from skep.records.command import ReceiptVerdict
from skep.records.errors import CommandConflict, SkepError, SwarmNotFound
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.leadership import Mandate
from skep.records.placement import (
    Candidate,
    Choice,
    Distribution,
    Placed,
    Shift,
    choice_from,
)
from skep.records.swarm import SwarmStatus
from skep.records.values import parsed


class RedisPlacing:
    """Where tasks go that may go anywhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def distribute(self, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
        """See `ports.placing.Placing.distribute`."""
        refusals = [_refusal(partial(check_distribution, each)) for each in asked]
        sound = [each for each, refused in zip(asked, refusals, strict=True) if refused is None]
        rows = await self._desk.call("distribute", *map(distribution_ask, sound))
        answers = map(_placed, rows, sound)
        return [refused or next(answers) for refused in refusals]

    async def candidates(self, *, limit: int = 50, heaviest: bool = False) -> Sequence[Candidate]:
        """See `ports.placing.Placing.candidates`."""
        found = await open_swarms(self._desk.wire, limit=limit, heaviest=heaviest)
        return by_load(found, heaviest=heaviest)[:limit]

    async def shift(
        self, shifts: Sequence[Shift], *, mandate: Mandate | None = None
    ) -> Sequence[Sequence[Placed] | SkepError]:
        """See `ports.placing.Placing.shift`."""
        refusals = [_refusal(partial(check_shift, each)) for each in shifts]
        sound = [each for each, refused in zip(shifts, refusals, strict=True) if refused is None]
        rows = await self._desk.call("shift", mandate_ask(mandate), *map(shift_ask, sound))
        answers = map(_shifted, rows, sound)
        return [refused or next(answers) for refused in refusals]


async def open_swarms(wire: Wire, *, limit: int = 0, heaviest: bool = False) -> list[Candidate]:
    """Read the open swarms by load: of each crew the first ones, or the last ones; 0 for all."""
    word = "ZREVRANGE" if heaviest else "ZRANGE"
    crews: list[str] = sorted(await wire.command("SMEMBERS", "skep:crews"))
    rows = await wire.commands(
        [(word, f"skep:crew:{crew}", 0, limit - 1, "WITHSCORES") for crew in crews]
    )
    seated = [
        (crew, swarm, float(load))
        for crew, row in zip(crews, rows, strict=True)
        for swarm, load in zip(row[::2], row[1::2], strict=True)
    ]
    slots = await wire.commands([("HGET", f"swarm:{swarm}", "cap") for _, swarm, _ in seated])
    found = [
        _candidate(crew, swarm, load=load, slots=int(cap))
        for (crew, swarm, load), cap in zip(seated, slots, strict=True)
    ]
    return by_load(found)


async def choices(wire: Wire, swarms: Sequence[SwarmId]) -> list[tuple[str, Choice]]:
    """Read what was chosen for each distribution that is remembered, by its command."""
    made = await wire.commands([("SMEMBERS", f"swarm:{swarm}:cmds") for swarm in swarms])
    commands: list[str] = sorted(command for each in made for command in each)
    told = await wire.commands([("GET", f"skep:placed:{command}") for command in commands])
    return [
        (command, choice_from(parsed(text)))
        for command, text in zip(commands, told, strict=True)
        if text
    ]


def _refusal(check: Callable[[], None]) -> SkepError | None:
    try:
        check()
    except SkepError as refusal:
        return refusal
    return None


def _shifted(row: Sequence[Any], asked: Shift) -> Sequence[Placed] | SkepError:
    verdict, *rest = row
    if verdict == "NOSWARM":
        return SwarmNotFound(swarm=rest[0])
    if verdict == "CLOSED":
        return not_open(SwarmId(rest[0]), SwarmStatus(rest[1]))
    return [
        Placed(
            verdict=ReceiptVerdict.OK,
            ref=TaskRef(swarm=asked.target, key=TaskKey(key)),
            choice=choice_from(parsed(told)),
        )
        for key, told in rest
    ]


def _placed(row: Sequence[Any], asked: Distribution) -> Placed | SkepError:
    verdict, *rest = row
    if verdict == "CONFLICT":
        return CommandConflict()
    if verdict == "NONE":
        return no_swarm_fits(asked, skills=_skills(rest))
    if verdict not in set(ReceiptVerdict.__members__):
        return refusal_of(verdict, rest, SwarmId(""))
    swarm, told = rest
    return Placed(
        verdict=ReceiptVerdict[verdict],
        ref=TaskRef(swarm=SwarmId(swarm), key=asked.task.key),
        choice=choice_from(parsed(told)),
    )


def _skills(crews: Sequence[str]) -> frozenset[str]:
    return frozenset[str]().union(*(skill_set(crew.partition("|")[2]) for crew in crews))


def _candidate(crew: str, swarm: str, *, load: float, slots: int) -> Candidate:
    priority, _, skills = crew.partition("|")
    return Candidate(
        swarm=SwarmId(swarm),
        priority=int(priority),
        busy=round(load * slots),
        slots=slots,
        skills=skill_set(skills),
    )
