"""Swarms that are rebuilt or founded by pieces: cut off anywhere, they are as before, or whole."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest
from tests.redis.conftest import Opened
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore
from skep.drivers.redis.library import STAGE_TTL_S
from skep.drivers.redis.ports import Desk
from skep.drivers.system import SystemChance, SystemClock
from skep.hive.imaging import taken
from skep.hive.state import SwarmState
from skep.policy.recovery import copied, copy_news
from skep.records.capture import CaptureKind
from skep.records.command import Receipt
from skep.records.errors import SwarmNotFound
from skep.records.ids import SwarmId, TaskRef
from skep.records.image import renamed
from skep.records.outcome import SettleVerdict
from skep.records.recovering import Founding, News
from skep.records.swarm import SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import claim, claim_one, submit, succeed, write
from skep.testing.clock import ManualClock
from skep.testing.invariants import check
from skep.testing.samples import intent, many, offer, record, task

pytestmark = pytest.mark.slow

S, COPY = SwarmId("s"), SwarmId("t")
TASKS: Final = [*many(300), task("join", *[f"t{place:04}" for place in range(300)])]
PIECES: Final = 5
"""Pieces in which the records of these tasks are laid."""

COUNTED: Final = ("suspend", "lay", "reinstate", "found", "found_log", "show")


class CutError(Exception):
    """Whoever rebuilt it died."""


def cut_after(monkeypatch: pytest.MonkeyPatch, *, calls: int) -> None:
    """Let whoever rebuilds die after so many calls."""
    left, call = [calls], Desk.call

    async def counted(self: Desk, operation: str, *args: str | float) -> object:
        if operation in COUNTED:
            left[0] -= 1
            if left[0] < 0:
                raise CutError
        return await call(self, operation, *args)

    monkeypatch.setattr(Desk, "call", counted)


def state(store: RedisStore) -> SwarmState:
    """Take hold of the state of a store's swarms."""
    return SwarmState(store=store, clock=SystemClock(), chance=SystemChance())


async def captured(store: RedisStore) -> None:
    """Make a swarm, have some of it done, and write it down."""
    await submit(store, "s", *TASKS)
    await succeed(store, *await claim(store, 10), value="kept")
    await taken(store, await store.states.image(S), CaptureKind.CHECKPOINT)


async def finished(store: RedisStore, swarm: SwarmId, *, tasks: int) -> None:
    """Work on a swarm to its end, which takes so many tasks."""
    done = 0
    while grants := await claim(store):
        verdicts = await succeed(store, *grants)
        done += verdicts.count(SettleVerdict.OK)
    assert (await store.registry.swarm(swarm)).status is SwarmStatus.COMPLETED
    assert done == tasks


@pytest.mark.parametrize("calls", range(0, PIECES + 2, 2))
async def test_a_recovery_that_was_cut_off_is_begun_again(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """After each piece: nothing is granted, nothing half written is seen, and the next one ends."""
    await captured(store)
    await store.forget_tasks([TaskRef(swarm=S, key=spec.key) for spec in TASKS])
    with monkeypatch.context() as patched:
        cut_after(patched, calls=calls)
        with pytest.raises(CutError):
            await state(store).recover(S)

    assert not await claim(store)
    assert (await store.states.image(S)).tasks == ()
    result = await state(store).recover(S)

    assert (result.source, result.redone, result.lost) == (CaptureKind.CHECKPOINT, (), ())
    check(await store.dump())
    await finished(store, S, tasks=291)


async def test_two_who_recover_one_swarm_make_one_of_it(
    store: RedisStore, server: RedisProcess, opened: Opened
) -> None:
    """Side by side, both come to an end, and the swarm is whole once."""
    await captured(store)
    await store.forget_tasks([TaskRef(swarm=S, key=spec.key) for spec in TASKS])
    other = await opened(server.url)

    await asyncio.gather(*(state(each).recover(S) for each in (store, other)))

    check(await store.dump())
    await finished(store, S, tasks=291)


@pytest.mark.parametrize("calls", range(0, PIECES + 3, 2))
async def test_a_founding_that_was_cut_off_is_not_there(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """After each piece the new swarm is unknown; begun again under its command it is whole."""
    await captured(store)
    image = await store.states.image(S)
    with monkeypatch.context() as patched:
        cut_after(patched, calls=calls)
        with pytest.raises(CutError):
            await state(store).found(image, COPY, capture="checkpoint/1")

    check(await store.dump())
    with pytest.raises(SwarmNotFound):
        await store.registry.swarm(COPY)
    made = await state(store).found(image, COPY, capture="checkpoint/1")

    assert made == COPY
    check(await store.dump())
    counts = (await store.registry.swarm(COPY)).counts
    assert (counts[TaskStatus.SUCCEEDED], counts[TaskStatus.READY]) == (10, 290)


async def test_a_founding_that_nobody_finished_is_thrown_away(
    server: RedisProcess, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep removes what is left of it, keys and contents, when its time is over."""
    clock = ManualClock()
    store = await opened(server.url, clock=clock)
    await captured(store)
    image = await store.states.image(S)
    before = set(await store.desk.wire.command("KEYS", "*"))
    with monkeypatch.context() as patched:
        cut_after(patched, calls=PIECES + 2)
        with pytest.raises(CutError):
            await state(store).found(image, COPY, capture="checkpoint/1")
    clock.advance(STAGE_TTL_S + 1)

    for _ in range(3):
        await store.leases.sweep()

    left = set(await store.desk.wire.command("KEYS", "*")) - before
    assert {key for key in left if COPY in key.split(":")} == set()


async def test_an_image_read_by_pieces_is_of_one_moment(
    store: RedisStore, server: RedisProcess, opened: Opened
) -> None:
    """While a worker goes on, each image is what its own log leads to: a copy of it holds."""
    await submit(store, "s", *TASKS)
    worker, copies = await opened(server.url), 4

    async def work() -> None:
        for _ in range(60):
            grants = await worker.work.claim(offer("w", queues=frozenset({"default"})), limit=3)
            mine = [grant for grant in grants if grant.token.swarm == S]
            await write(worker, intent(mine[0].token))
            await write(worker, record(mine[0].token))
            await succeed(worker, *mine)

    async def copy() -> list[SwarmId]:
        made = list[SwarmId]()
        for number in range(copies):
            image = await store.states.image(S)
            paused = replace(image, swarm=replace(image.swarm, status=SwarmStatus.PAUSED))
            told = News(kind="swarm.paused", data={"reason": "to be looked at"})
            copied_to = SwarmId(f"copy-{number}")
            asked = Founding(
                command=f"found/{number}",
                digest="d",
                image=renamed(copied(paused, at=0.0), copied_to),
                news=(told, *copy_news(paused, copied(paused, at=0.0), capture="test")),
            )
            answer = await store.states.found(asked)
            assert isinstance(answer, Receipt), answer
            made.append(answer.swarm)
        return made

    _, made = await asyncio.gather(work(), copy())

    assert len(made) == copies
    check(await store.dump())


async def test_a_zombie_of_before_is_refused_after_a_rebuilding(store: RedisStore) -> None:
    """Whoever held a task of a swarm that was rebuilt by pieces cannot settle it."""
    await captured(store)
    zombie = await claim_one(store)
    await store.forget_tasks([TaskRef(swarm=S, key=spec.key) for spec in TASKS])

    await state(store).recover(S)

    assert await succeed(store, zombie) == [SettleVerdict.FENCED]
