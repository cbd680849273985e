"""Fencing: only the current token writes; a grant lost is lost for every kind of write."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from skep.records.command import Receipt
from skep.records.errors import Fenced, SwarmNotFound
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.lease import BeatVerdict, Grant, Token
from skep.records.outcome import HandedBack, Outcome, SettleVerdict, Succeeded
from skep.records.step import Effect, StepVerdict
from skep.records.swarm import SwarmMove
from skep.testing.acts import claim, claim_one, settle, steer, submit, succeed, write
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import addition, intent, record, task

FORGERIES: list[Callable[[Token], Token]] = [
    lambda token: replace(token, nonce="0" * 32),
    lambda token: replace(token, nonce=""),
    lambda token: replace(token, attempt=token.attempt + 1),
    lambda token: replace(token, attempt=token.attempt - 1),
    lambda token: replace(token, run=token.run + 1),
    lambda token: replace(token, incarnation="another"),
    lambda token: replace(token, task=TaskKey("b")),
    lambda token: replace(token, task=TaskKey("ghost")),
    lambda token: replace(token, swarm=SwarmId("ghost")),
]


async def refused_everywhere(store: InspectableStore, token: Token) -> None:
    """See that each write under `token` but a settlement is refused and changes nothing."""
    before = await store.dump()

    [beat] = await store.leases.renew([token], lease_s=5.0)
    [spawn] = await store.work.add([addition(token.swarm, task("new"), token=token)])
    opened = await write(store, intent(token, "fresh"))
    recorded = await write(store, record(token, "charge"))

    assert beat.verdict is BeatVerdict.LOST
    assert isinstance(spawn, Fenced | SwarmNotFound)
    assert opened.verdict is StepVerdict.FENCED
    assert recorded.verdict in {StepVerdict.FENCED, StepVerdict.MISSING}
    assert await store.log.remark(token, [{"half": True}]) is False
    assert await store.dump() == before


async def charging(store: InspectableStore) -> Grant:
    """Run task `a` of swarm `s` up to an open intent that is not pure."""
    await submit(store, "s", task("a"), task("b"), task("z", "a"))
    grant, _ = await claim(store)
    await write(store, intent(grant.token, "charge", effect=Effect.IDEMPOTENT))
    return grant


class FencingContract:
    """Invariants 8, 9, 10, 11, 15 and 27."""

    async def test_the_current_token_passes(self, store: InspectableStore) -> None:
        """Under its token a holder renews, announces, records, notes, spawns and settles."""
        grant = await charging(store)
        token = grant.token

        [beat] = await store.leases.renew([token], lease_s=5.0)
        recorded = await write(store, record(token, "charge"))
        noted = await store.log.remark(token, [{"half": True}])
        [spawn] = await store.work.add([addition("s", task("new"), token=token)])

        assert beat.verdict is BeatVerdict.HELD
        assert recorded.verdict is StepVerdict.RECORDED
        assert noted
        assert isinstance(spawn, Receipt)
        assert await succeed(store, grant) == [SettleVerdict.OK]

    @pytest.mark.parametrize("forge", FORGERIES)
    async def test_any_other_token_is_refused(
        self, store: InspectableStore, forge: Callable[[Token], Token]
    ) -> None:
        """A token that differs in any one part from the grant's is none."""
        grant = await charging(store)
        forged = forge(grant.token)

        await refused_everywhere(store, forged)

        assert await succeed(store, replace(grant, token=forged)) == [SettleVerdict.FENCED]
        assert await succeed(store, grant) == [SettleVerdict.OK]

    async def test_expiry_alone_revokes_nothing(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A holder whose lease ran out, and who was not replaced, still counts (invariant 10)."""
        grant = await charging(store)
        clock.advance(100)

        [beat] = await store.leases.renew([grant.token], lease_s=5.0)
        recorded = await write(store, record(grant.token, "charge"))

        assert (beat.verdict, beat.lease_until) == (BeatVerdict.HELD, clock.now() + 5)
        assert recorded.verdict is StepVerdict.RECORDED
        assert await succeed(store, grant) == [SettleVerdict.OK]

    async def test_a_late_finisher_who_was_not_replaced_counts(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A result that comes after the lease, and before the sweep, is the result."""
        grant = await charging(store)
        clock.advance(100)

        assert await succeed(store, grant, value=1) == [SettleVerdict.OK]

        assert (await store.leases.sweep()).lost == 1  # task b, which nobody settled

    async def test_a_sweep_voids_the_token_in_the_same_step(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Taken back but not yet granted anew, the task refuses its old holder (invariant 11)."""
        grant = await charging(store)
        clock.advance(100)
        await store.leases.sweep()

        await refused_everywhere(store, grant.token)

        assert await succeed(store, grant) == [SettleVerdict.FENCED]

    async def test_a_new_grant_fences_the_old_one(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """After a takeover the old holder can write nothing, and the new one everything."""
        old = await charging(store)
        clock.advance(100)
        await store.leases.sweep()
        [new, _] = await claim(store, worker="w2")

        await refused_everywhere(store, old.token)
        assert await succeed(store, old, value="old") == [SettleVerdict.FENCED]

        assert new.token.attempt == old.token.attempt + 1
        assert new.token.nonce != old.token.nonce
        assert await succeed(store, new, value="new") == [SettleVerdict.OK]

    async def test_a_reclaimed_task_refuses_its_earlier_life(self, store: InspectableStore) -> None:
        """What a worker's restart took back is lost for the life before."""
        grant = await charging(store)
        await store.leases.reclaim(WorkerId("w1"))

        await refused_everywhere(store, grant.token)

        assert await succeed(store, grant) == [SettleVerdict.FENCED]

    @pytest.mark.parametrize("outcome", [Succeeded(value=1), HandedBack()])
    async def test_a_settled_token_is_used_up(
        self, store: InspectableStore, outcome: Outcome
    ) -> None:
        """After its settlement a token writes nothing more."""
        grant = await charging(store)
        await settle(store, outcome, grant)

        await refused_everywhere(store, grant.token)

    async def test_a_cancelled_task_accepts_no_new_intent(self, store: InspectableStore) -> None:
        """Once a cancel was acknowledged, its tokens are void for all but a late result."""
        grant = await charging(store)
        await steer(store, "s", SwarmMove.CANCEL)

        await refused_everywhere(store, grant.token)

    async def test_a_reopened_task_refuses_the_run_before(self, store: InspectableStore) -> None:
        """The token of a finished run is refused in the next, its repeated result too."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await write(store, intent(grant.token, "charge", effect=Effect.IDEMPOTENT))
        await succeed(store, grant)
        await steer(store, "s", SwarmMove.REOPEN, "a")

        await refused_everywhere(store, grant.token)

        assert await succeed(store, grant) == [SettleVerdict.FENCED]
