"""The generated pages are what the code says now, and what they say is so."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from skep.hive.state import SwarmState
from skep.ports.store import Store
from skep.records.event import EVENT_KINDS, Remark
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.outcome import Blocked, HandedBack, Snoozed
from skep.records.pool import Pool
from skep.records.purse import Amount, Budget
from skep.records.step import Effect
from skep.records.swarm import SwarmMove
from skep.records.task import RetryPolicy, TaskMove
from skep.testing.acts import ask, claim_one, decide, events, settle, steer, submit, succeed, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.memory import MemoryHarness
from skep.testing.samples import (
    distribution,
    failed,
    intent,
    lapsed,
    offer,
    record,
    requisition,
    retried,
    task,
)

REPO: Final = Path(__file__).parents[1]
REFERENCE: Final = REPO / "docs" / "reference"
LIFECYCLE: Final = (REPO / "docs" / "lifecycle.md").read_text()

event_row = re.compile(r"^\| `([a-z._]+)` \| [^|]* \| ([^|]*) \|", re.MULTILINE)
own_variable = re.compile(r"\bSKEP_[A-Z]+\b")


@pytest.mark.slow
@pytest.mark.parametrize("script", ["reference", "lifecycle"])
def test_making_the_pages_again_changes_nothing(script: str) -> None:
    """The committed pages equal the generated ones; `make docs` brings them up to date."""
    command = [sys.executable, str(REPO / "scripts" / f"{script}.py"), "--check"]
    ran = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_every_variable_of_our_own_is_told() -> None:
    """A `SKEP_` variable that the code reads stands among the settings."""
    page = (REFERENCE / "settings.md").read_text()
    read = {
        name
        for path in (REPO / "src").rglob("*.py")
        for name in own_variable.findall(path.read_text())
    }

    assert {name for name in read if f"`{name}`" not in page} == set()


def test_every_move_is_explained() -> None:
    """The prose of the lifecycle has a row for each move, by its event and its name."""
    moves = [*TaskMove, *SwarmMove]

    assert [move for move in moves if f"| {move.name} | `{move}` |" not in LIFECYCLE] == []


async def test_events_carry_what_the_page_says() -> None:
    """Each kind of event, made to happen, holds the data that its row names."""
    clock, chance = ManualClock(), SeededChance(1)
    async with await MemoryHarness().open(clock=clock, chance=chance) as store:
        await make_everything_happen(store, clock)
        told = {
            event.kind: sorted(event.data)
            for swarm in ("outcomes", "losses", "steering", "open", "spending", "copy")
            for event in await events(store, swarm)
        }

    page = dict(event_row.findall((REFERENCE / "events.md").read_text()))
    assert set(page) == EVENT_KINDS
    assert set(told) == EVENT_KINDS
    told.pop(Remark.LATE_RESULT)  # carries what its outcome does
    assert told == {kind: sorted(re.findall(r"`(\w+)`", page[kind])) for kind in told}


async def make_everything_happen(store: InspectableStore, clock: ManualClock) -> None:
    """Bring about every kind of event in some swarm or other."""
    await ends_of_tasks(store, clock)
    await lost_leases(store, clock)
    await orders(store)
    await a_growing_plan(store)
    await a_purse(store)
    await a_recovery(store, clock)


async def ends_of_tasks(store: Store, clock: ManualClock) -> None:
    """Let one task end in each way that an attempt may choose."""
    kinds: Sequence[str] = ("done", "failed", "tried", "snoozed", "blocked", "back")
    late = task("late", delay_s=1.0)
    await submit(store, "outcomes", *(task(kind) for kind in kinds), late)
    grants = {grant.token.task: grant for grant in [await claim_one(store) for _ in kinds]}
    done = grants[TaskKey("done")]
    await write(store, intent(done.token))
    await write(store, record(done.token))
    await store.log.remark(done.token, [{"text": "half", "fraction": 0.5}])
    await succeed(store, done)
    await settle(store, failed(), grants[TaskKey("failed")])
    await settle(store, retried(clock.now() + 1), grants[TaskKey("tried")])
    snoozed = Snoozed(reason="quota", wake_at=clock.now() + 1)
    await settle(store, snoozed, grants[TaskKey("snoozed")])
    blocked = grants[TaskKey("blocked")]
    asked = await ask(store, blocked.token)
    await settle(store, Blocked(reason="asks", awaits=(asked,)), blocked)
    await decide(store, asked)
    await settle(store, Blocked(reason="unknown"), await claim_one(store))
    await settle(store, HandedBack(), grants[TaskKey("back")])
    clock.advance(2)
    await store.leases.sweep()
    held = await claim_one(store)
    await steer(store, "outcomes", SwarmMove.CANCEL)
    await succeed(store, held)


async def lost_leases(store: Store, clock: ManualClock) -> None:
    """Lose a lease with a call open, meet it again, and lose the last one."""
    await submit(store, "losses", task("a", retry=RetryPolicy(attempts_max=2)))
    grant = await claim_one(store)
    await write(store, intent(grant.token, effect=Effect.ONCE))
    clock.advance(10)
    await store.leases.sweep()
    grant = await claim_one(store)
    await write(store, intent(grant.token, effect=Effect.ONCE, name="again"))
    clock.advance(10)
    await store.leases.sweep()
    await steer(store, "losses", SwarmMove.REOPEN)


async def orders(store: Store) -> None:
    """Give a swarm every order, and let it complete."""
    await submit(store, "steering", task("b"))
    for move in (SwarmMove.PAUSE, SwarmMove.INTERRUPT, SwarmMove.RESUME):
        await steer(store, "steering", move)
    await steer(store, "losses", SwarmMove.PAUSE)
    await steer(store, "steering", SwarmMove.CAP, max_agents=2)
    await steer(store, "steering", SwarmMove.TELL, text="Hurry")
    await succeed(store, await claim_one(store))


async def a_growing_plan(store: Store) -> None:
    """Distribute a task to an open plan, close it, and let it complete."""
    await submit(store, "open", sealed=False)
    await a_pool(store)
    await store.placing.distribute([distribution()])
    await steer(store, "open", SwarmMove.SEAL)
    [grant] = await store.work.claim(offer(), limit=1)
    await succeed(store, grant)


async def a_pool(store: Store) -> None:
    """Hold a part of a pool, and give it back."""
    await store.pools.declare([Pool(name="cpu", capacity=1)])
    await store.pools.allocate([requisition("part", 1, swarm="open")])
    await store.pools.release(["part"])


async def a_purse(store: Store) -> None:
    """Let calls be paid for, cut off, lost and too dear, then raise the budget and finish."""
    one = Amount(requests=1)
    plan = (task("a"), task("end", "a"))
    await submit(store, "spending", *plan, budget=Budget(requests=4))
    token = (await claim_one(store)).token
    for key, end in (
        ("paid", record(token, "paid", usage=one, payee="m")),
        ("over", record(token, "over", usage=Amount(requests=2), payee="m")),
        ("cut", lapsed(token, "cut", charge=one, payee="m")),
    ):
        await steer(store, "spending", SwarmMove.RAISE, budget=Budget(requests=5))
        await write(store, intent(token, key, reserve=one))
        await write(store, end)
        await write(store, intent(token, "too dear", reserve=Amount(requests=9)))
    await write(store, intent(token, "lost", reserve=one))
    await steer(store, "spending", SwarmMove.CUT_SHORT)


async def a_recovery(store: InspectableStore, clock: ManualClock) -> None:
    """Rebuild a swarm that has lost a record, and make another one from its image."""
    await submit(store, "copied", task("a"))
    await claim_one(store)
    state = SwarmState(store=store, clock=clock, chance=SeededChance(2))
    await state.create_checkpoint("copied")
    await store.forget_tasks([TaskRef(swarm=SwarmId("copied"), key=TaskKey("a"))])
    await state.recover("copied")
    image = await store.states.image(SwarmId("copied"))
    await state.found(image, SwarmId("copy"), capture="checkpoint/1")
