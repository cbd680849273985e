"""Journal entries that come at once share what they read of a swarm, and lose nothing by it."""

import asyncio
from pathlib import Path

from skep.drivers.sqlite import SqliteStore
from skep.records.event import Cursor, Remark
from skep.records.ids import SwarmId, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Settlement, SettleVerdict, Succeeded
from skep.records.step import Effect, Intent, Record, StepVerdict
from skep.records.task import TaskMove
from skep.records.values import digest_of
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import many, submission

TASKS = 8
FINGERPRINT = digest_of("ask")


def intent(grant: Grant) -> Intent:
    """The announcement of a task's one call."""
    return Intent(
        token=grant.token, key="a", fingerprint=FINGERPRINT, effect=Effect.PURE, intent="i"
    )


def record(grant: Grant) -> Record:
    """The result of a task's one call."""
    return Record(token=grant.token, key="a", fingerprint=FINGERPRINT, value="1")


async def test_entries_and_settlements_that_come_at_once_are_all_told(tmp_path: Path) -> None:
    """The log is dense and has each event once, in whichever order the commands were grouped."""
    clock, chance = ManualClock(), SeededChance(1)
    async with await SqliteStore.open(tmp_path / "skep.db", clock=clock, chance=chance) as store:
        await store.work.submit([submission("s", *many(TASKS))])
        grants = await store.work.claim(Offer(worker=WorkerId("w")), limit=TASKS)
        await asyncio.gather(*(store.journal.write([intent(grant)]) for grant in grants))

        last = grants[-1]
        settling = Settlement(token=last.token, outcome=Succeeded(value=1))
        begun = asyncio.create_task
        writes = [begun(store.journal.write([record(grant)])) for grant in grants[:-1]]
        settled = begun(store.work.settle([settling]))
        writes.append(begun(store.journal.write([record(last)])))
        answers = [answer for write in writes for answer in await write]
        verdicts = await settled

        page = await store.log.read(Cursor(incarnation="", swarm=SwarmId("s"), seq=0))
        swarm = await store.registry.swarm(SwarmId("s"))

    kinds = [event.kind for event in page.events]
    assert {answer.verdict for answer in answers} == {StepVerdict.RECORDED}
    assert verdicts == [SettleVerdict.OK]
    assert [event.seq for event in page.events] == [*range(1, len(kinds) + 1)]
    assert swarm.last_seq == len(kinds)
    assert kinds.count(Remark.STEP_RECORDED) == TASKS
    assert kinds.count(TaskMove.SUCCEED) == 1
