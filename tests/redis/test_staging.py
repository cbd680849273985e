"""Large submissions come in by pieces and become visible at once."""

import statistics

import pytest
from tests.redis.conftest import Opened
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore, staging
from skep.drivers.redis.library import STAGE_TTL_S
from skep.drivers.redis.ports import Desk
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, StoreUnavailable, SwarmNotFound
from skep.records.event import Cursor
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmMove
from skep.records.task import TaskSpec, TaskStatus
from skep.testing.clock import ManualClock
from skep.testing.invariants import check
from skep.testing.samples import many, offer, order, submission, task

pytestmark = pytest.mark.slow

S = SwarmId("s")
BODY = submission("s", *many(300), task("join", *[f"t{i:04}" for i in range(300)]))
PIECES = 6
"""Calls that the submission takes: its beginning, 3 of tasks, 3 of edges, less the last flip."""


class CutError(Exception):
    """The submitter died."""


def cut_after(monkeypatch: pytest.MonkeyPatch, *, calls: int) -> None:
    """Let the submitter die after so many calls."""
    left = [calls]
    call = Desk.call

    async def counted(self: Desk, operation: str, *args: str | float) -> object:
        if operation.startswith("stage"):
            left[0] -= 1
            if left[0] < 0:
                raise CutError
        return await call(self, operation, *args)

    monkeypatch.setattr(Desk, "call", counted)


@pytest.mark.parametrize("calls", range(PIECES + 2))
async def test_what_was_cut_off_is_not_there_and_its_repetition_completes_it(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """After each piece: nothing runs or is seen, all invariants hold, and repeating completes."""
    with monkeypatch.context() as patched:
        cut_after(patched, calls=calls)
        with pytest.raises(CutError):
            await store.work.submit([BODY])

    check(await store.dump())
    assert not await store.work.claim(offer(), limit=64)
    assert not await store.registry.swarms()
    with pytest.raises(SwarmNotFound):
        await store.registry.swarm(S)
    with pytest.raises(SwarmNotFound):
        await store.log.read(Cursor(incarnation="", swarm=S))
    assert isinstance((await store.work.steer([order("s", SwarmMove.CANCEL)]))[0], SwarmNotFound)

    first = await store.work.submit([BODY])
    again = await store.work.submit([BODY])

    assert [r.verdict for r in (*first, *again) if isinstance(r, Receipt)] == ["ok", "already"]
    check(await store.dump())
    assert len(await store.work.claim(offer(), limit=64)) == 64


async def test_two_submitters_of_one_command_make_one_swarm(
    server: RedisProcess, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second takes up what the first left, under the id that the first gave the swarm."""
    one, two = await opened(server.url), await opened(server.url)
    with monkeypatch.context() as patched:
        cut_after(patched, calls=3)
        with pytest.raises(CutError):
            await one.work.submit([BODY])
    tasks = BODY.plan.tasks
    renamed = submission("other", *tasks, command=BODY.command)

    [receipt] = await two.work.submit([renamed])

    assert receipt == Receipt(verdict=ReceiptVerdict.OK, swarm=S)
    check(await two.dump())


async def test_another_body_under_the_same_command_is_a_conflict_while_it_comes_in(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a small plan, and for another command that wants the same swarm id."""
    with monkeypatch.context() as patched:
        cut_after(patched, calls=2)
        with pytest.raises(CutError):
            await store.work.submit([BODY])

    answers = await store.work.submit(
        [
            submission("s", *many(200), command=BODY.command),
            submission("s2", task("a"), command=BODY.command),
            submission("s", *many(200), command="another"),
        ]
    )

    assert [type(answer) for answer in answers] == [CommandConflict] * 3


async def test_a_forgotten_beginning_is_thrown_away_and_may_begin_anew(
    server: RedisProcess, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour after its last piece the sweeper deletes it, key by key, and nothing is left."""
    clock = ManualClock()
    store = await opened(server.url, clock=clock)
    wire = store.desk.wire
    delayed = [task(f"d{i}", delay_s=5) for i in range(200)]
    body = submission("s", *delayed)
    before = set(await wire.command("KEYS", "*"))
    with monkeypatch.context() as patched:
        cut_after(patched, calls=2)
        with pytest.raises(CutError):
            await store.work.submit([body])
    clock.advance(10)
    assert (await store.leases.sweep()).woken == 0

    clock.advance(STAGE_TTL_S + 1)
    await store.leases.sweep(limit=50)
    await store.leases.sweep(limit=256)

    assert set(await wire.command("KEYS", "*")) == before
    [receipt] = await store.work.submit([body])
    assert isinstance(receipt, Receipt)
    check(await store.dump())


async def test_half_a_discarded_plan_gives_way_to_its_repetition(
    server: RedisProcess, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sweeper has begun to delete is deleted at once when the command comes again."""
    clock = ManualClock()
    store = await opened(server.url, clock=clock)
    with monkeypatch.context() as patched:
        cut_after(patched, calls=3)
        with pytest.raises(CutError):
            await store.work.submit([BODY])
    clock.advance(STAGE_TTL_S + 1)
    await store.leases.sweep(limit=10)

    [receipt] = await store.work.submit([BODY])

    assert isinstance(receipt, Receipt)
    check(await store.dump())
    assert (await store.registry.swarm(S)).counts[TaskStatus.READY] == 300


async def test_events_of_a_large_plan_are_those_of_a_small_one(store: RedisStore) -> None:
    """The log begins with the submission of all tasks; then come the releases, in order."""
    await store.work.submit([BODY])

    page = await store.log.read(Cursor(incarnation="", swarm=S), limit=1_000)

    assert page.events[0].kind == "swarm.submitted"
    assert page.events[0].data["tasks"] == [spec.key for spec in BODY.plan.tasks]
    assert [event.kind for event in page.events[1:]] == ["task.released"] * 300
    assert [event.task for event in page.events[1:]] == [spec.key for spec in many(300)]


async def test_no_call_of_a_large_submission_is_long(store: RedisStore) -> None:
    """Ten thousand tasks: a piece takes less than 10 ms of the server's time.

    The middle one of all pieces does, for on a busy machine some wait for a processor.
    """
    wire = store.desk.wire
    await wire.command("CONFIG", "SET", "slowlog-log-slower-than", 500)
    await wire.command("CONFIG", "SET", "slowlog-max-len", 1_000)
    plan: list[TaskSpec] = [task("root"), *[task(f"t{i}", "root") for i in range(9_999)]]

    await store.work.submit([submission("s", *plan)])

    calls = await wire.command("SLOWLOG", "GET", 1_000)
    pieces = [
        micros for _, _, micros, words, *_ in calls if words[1:] and "stage_piece" in words[1]
    ]
    assert len(pieces) >= 10_000 / staging.PIECE_MAX
    assert statistics.median(pieces) < 10_000
    assert len(await store.registry.tasks(S)) == 10_000


async def test_a_reply_that_was_lost_does_not_store_a_piece_twice(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call's answer is lost once; the repetition goes on where the store stands."""
    call, lost = Desk.call, set[str]()

    async def losing(self: Desk, operation: str, *args: str | float) -> object:
        answer = await call(self, operation, *args)
        name = f"{operation} {args}"
        if name not in lost:
            lost.add(name)
            raise StoreUnavailable
        return answer

    monkeypatch.setattr(Desk, "call", losing)
    for _ in range(PIECES + 3):
        try:
            await store.work.submit([BODY])
        except StoreUnavailable:
            continue
    monkeypatch.undo()

    check(await store.dump())
    assert staging.is_large(BODY)
    assert (await store.registry.swarm(S)).tasks_total == 301
