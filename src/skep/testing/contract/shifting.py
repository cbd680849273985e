"""Shifting: tasks that nobody began go to another open swarm, and are in one at any time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from skep.policy.placement import rebalance
from skep.records.command import ReceiptVerdict
from skep.records.errors import (
    Conflict,
    InvalidInput,
    LimitExceeded,
    SkepError,
    StaleTerm,
    SwarmClosed,
    SwarmNotFound,
)
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.outcome import HandedBack
from skep.records.placement import Placed, Placement, Shift
from skep.records.swarm import SwarmMove
from skep.testing.acts import (
    claim,
    claim_one,
    settle,
    statuses,
    steer,
    submit,
    succeed,
)
from skep.testing.clock import ManualClock
from skep.testing.contract.placing import place, spread, team
from skep.testing.harness import InspectableStore
from skep.testing.samples import (
    addition,
    distribution,
    order,
    retried,
    task,
)


class ShiftingContract:
    """Invariant 50: a task that nobody began may be moved, and is in one swarm at any time."""

    async def test_the_youngest_go_to_the_other_swarm(self, store: InspectableStore) -> None:
        """As many as are asked for, ready there, and each says where it came from."""
        await team(store, "a")
        await place(store, *spread(4))
        await team(store, "b")

        moved = await shifted(store, number=2)

        assert [each.ref.key for each in moved] == ["d3", "d2"]
        assert {each.ref.swarm for each in moved} == {"b"}
        assert [each.choice.moved_from for each in moved] == ["a", "a"]
        assert "moved from a at load" in moved[0].choice.reason
        assert await statuses(store, "b") == {"d3": "ready", "d2": "ready"}
        gone = {key: status for key, status in (await statuses(store, "a")).items() if key > "d1"}
        assert gone == {"d2": "cancelled", "d3": "cancelled"}

    async def test_what_was_moved_runs_once(self, store: InspectableStore) -> None:
        """The task is granted in the swarm that it is in now, and in no other one."""
        await team(store, "a")
        await place(store, *spread(2))
        await team(store, "b")
        await shifted(store, number=1)

        grants = await claim(store)

        assert sorted((g.token.swarm, g.token.task) for g in grants) == [("a", "d0"), ("b", "d1")]

    async def test_a_swarm_does_not_fail_for_what_it_gave_away(
        self, store: InspectableStore
    ) -> None:
        """It completes with what it kept, and a retry begins nothing of what it gave."""
        await team(store, "a")
        await place(store, *spread(2))
        await team(store, "b")
        await shifted(store, number=1)
        await steer(store, "a", SwarmMove.SEAL)
        await succeed(store, *[g for g in await claim(store) if g.token.swarm == "a"])

        assert (await store.registry.swarm(SwarmId("a"))).status == "completed"
        for keys_ in ([], ["d1"]):
            [answer] = await store.work.steer([order("a", SwarmMove.REOPEN, *keys_)])
            assert isinstance(answer, Conflict)

    async def test_the_command_tells_where_it_is_now(self, store: InspectableStore) -> None:
        """Distributed again under its command, a moved task is where it was moved to."""
        await team(store, "a")
        [asked] = spread(1)
        await place(store, asked)
        await team(store, "b")
        [moved] = await shifted(store, number=1)

        [again] = await place(store, asked)

        assert again == replace(moved, verdict=ReceiptVerdict.ALREADY)

    async def test_a_task_does_not_come_back(self, store: InspectableStore) -> None:
        """Its key is taken in the swarm that it left, so it is moved once for each team."""
        await team(store, "a")
        await place(store, *spread(1))
        await team(store, "b")
        await shifted(store, number=1)

        assert await shifted(store, "b", "a", number=1) == []

    async def test_a_content_moves_along(self, store: InspectableStore) -> None:
        """What a moved task refers to is referred to by the swarm that it is in now."""
        [digest] = await store.blobs.put([b"long"])
        spec = task("d", input={"$blob": digest, "bytes": 4})
        await team(store, "a")
        await place(store, replace(distribution(), task=spec))
        await team(store, "b")
        await shifted(store, number=1)

        [content] = [each for each in (await store.dump()).contents if each.digest == digest]
        assert "b" in content.users
        assert (await claim_one(store)).spec == spec

    async def test_what_was_begun_or_is_waited_for_stays(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Neither a task that ran, nor one with neighbours, nor one that was never distributed."""
        await team(store, "a", 1)
        await place(store, *spread(2))
        await store.work.add([addition("a", task("after", "d0"))])
        grants = {grant.token.task: grant for grant in await claim(store)}
        await settle(store, retried(clock.now() + 1), grants[TaskKey("d1")])
        for key in ("t0000", "d0"):
            back = HandedBack(reason="stop")
            await settle(store, back, grants[TaskKey(key)])
        clock.advance(2)
        await store.leases.sweep()
        await team(store, "b")

        assert await shifted(store, number=9) == []

    async def test_who_was_meant_to_be_there_stays(self, store: InspectableStore) -> None:
        """By priority or in turn a task was placed where it is for a reason that still holds."""
        await team(store, "a")
        for place_, key in ((Placement.PRIORITY, "p"), (Placement.ROUND_ROBIN, "r")):
            await place(store, distribution(key=key, placement=place_))
        await team(store, "b")

        assert await shifted(store, number=9) == []

    async def test_capabilities_bind_a_shift(self, store: InspectableStore) -> None:
        """By capability a task goes only where all that it needs is declared."""
        await team(store, "a", 0, "text", "gpu")
        asked = [
            distribution("text", key="x", placement=Placement.CAPABILITY),
            distribution("gpu", key="y", placement=Placement.CAPABILITY),
        ]
        await place(store, *asked)
        await team(store, "b", 0, "text")

        assert [each.ref.key for each in await shifted(store, number=9)] == ["x"]

    async def test_only_open_swarms_give_and_take(self, store: InspectableStore) -> None:
        """A sealed or paused swarm keeps what it has and gets nothing."""
        await team(store, "a")
        await place(store, *spread(1))
        await submit(store, "sealed", task("t"))
        bad = [
            Shift(source=SwarmId("a"), target=SwarmId("sealed"), number=1),
            Shift(source=SwarmId("sealed"), target=SwarmId("a"), number=1),
            Shift(source=SwarmId("a"), target=SwarmId("ghost"), number=1),
            Shift(source=SwarmId("a"), target=SwarmId("a"), number=1),
            Shift(source=SwarmId("a"), target=SwarmId("sealed"), number=65),
        ]
        before = await store.dump()

        answers = await store.placing.shift(bad)

        refusals = [SwarmClosed, SwarmClosed, SwarmNotFound, InvalidInput, LimitExceeded]
        assert [type(answer) for answer in answers] == refusals
        assert await store.dump() == before

    async def test_a_void_mandate_moves_nothing(self, store: InspectableStore) -> None:
        """A leader whose term is over is refused in the operation that would move."""
        await team(store, "a")
        await place(store, *spread(2))
        await team(store, "b")
        won = await store.terms.campaign(WorkerId("n"), lease_s=60.0)
        await store.terms.resign(won.mandate)
        asked = [Shift(source=SwarmId("a"), target=SwarmId("b"), number=1)]

        with pytest.raises(StaleTerm):
            await store.placing.shift(asked, mandate=won.mandate)

        assert await statuses(store, "b") == {}

    async def test_rebalancing_comes_to_rest(self, store: InspectableStore) -> None:
        """What the policy asks for evens the loads out, and then it asks for nothing more."""
        await team(store, "a", slots=2)
        await place(store, *spread(9))
        await team(store, "b", slots=3)
        await team(store, "c", slots=2)

        await store.placing.shift(rebalance(await store.placing.candidates()))

        busy = {each.swarm: each.busy for each in await store.placing.candidates()}
        assert busy == {"a": 4, "b": 3, "c": 2}
        assert rebalance(await store.placing.candidates()) == []

    async def test_the_heaviest_are_read_first(self, store: InspectableStore) -> None:
        """Open swarms are read from either end of their order."""
        for name, tasks in (("a", 1), ("b", 3), ("c", 2)):
            await team(store, name, tasks)

        found = await store.placing.candidates(limit=2, heaviest=True)

        assert [each.swarm for each in found] == ["b", "c"]


async def shifted(
    store: InspectableStore, source: str = "a", target: str = "b", *, number: int
) -> Sequence[Placed]:
    """Move tasks, which must be allowed."""
    asked = Shift(source=SwarmId(source), target=SwarmId(target), number=number)
    [answer] = await store.placing.shift([asked])
    assert not isinstance(answer, SkepError), answer
    return answer
