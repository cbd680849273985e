"""Placing: which swarm a task goes to that names none, and that it runs there."""

from dataclasses import replace

import pytest

from skep.records.command import ReceiptVerdict
from skep.records.errors import (
    ArtifactNotFound,
    CommandConflict,
    DuplicateTask,
    LimitExceeded,
    PlanRefused,
    SkepError,
    UnknownDependency,
)
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.placement import Candidate, Distribution, Placed, Placement, choice_json
from skep.records.sharing_errors import NoSwarmFits
from skep.records.swarm import SwarmMove
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    keys,
    settle,
    statuses,
    steer,
    submit,
    succeed,
    swarms,
)
from skep.testing.clock import ManualClock
from skep.testing.contract.founding import found
from skep.testing.harness import InspectableStore
from skep.testing.samples import (
    distribution,
    failed,
    many,
    submission,
    task,
)

IN_TURN = Placement.ROUND_ROBIN
ABSENT = "0" * 64
LOAD_OF_TWO = 0.5


async def team(
    store: InspectableStore,
    name: str,
    tasks: int = 0,
    *capabilities: str,
    priority: int = 5,
    slots: int = 4,
) -> None:
    """Submit an open swarm of four slots with this many ready tasks."""
    await submit(
        store,
        name,
        *many(tasks),
        sealed=False,
        priority=priority,
        max_agents=slots,
        capabilities=capabilities,
    )


async def place(store: InspectableStore, *asked: Distribution) -> list[Placed]:
    """Distribute tasks that must be accepted."""
    answers = await store.placing.distribute(asked)
    placed = [answer for answer in answers if isinstance(answer, Placed)]
    assert len(placed) == len(asked), answers
    return placed


async def places(store: InspectableStore, *asked: Distribution) -> list[str]:
    """Distribute tasks, and name the swarms that they went to."""
    return [each.ref.swarm for each in await place(store, *asked)]


async def refused(store: InspectableStore, asked: Distribution) -> SkepError:
    """Distribute what must be refused, and see that nothing of it was stored."""
    before = await store.dump()

    [answer] = await store.placing.distribute([asked])

    assert isinstance(answer, SkepError), answer
    assert await store.dump() == before
    return answer


def spread(number: int, placement: Placement = Placement.LEAST_LOADED) -> list[Distribution]:
    """Ask for this many tasks: d0, d1 and so on."""
    return [distribution(key=f"d{n}", placement=placement) for n in range(number)]


class PlacingContract:
    """Invariant 50: a distributed task goes to the open swarm that comes first, once."""

    async def test_the_least_loaded_swarm_is_chosen(self, store: InspectableStore) -> None:
        """Ready and running tasks over slots are the load; the smallest one comes first."""
        await team(store, "a", 2)
        await team(store, "b", 3, slots=12)
        await team(store, "c", 2, slots=5)

        [placed] = await place(store, distribution())

        assert placed.ref == TaskRef(swarm=SwarmId("b"), key=TaskKey("d"))
        assert placed.verdict is ReceiptVerdict.OK
        assert [swarm for swarm, _ in placed.choice.looked] == ["b", "c", "a"]
        assert placed.choice.looked[-1] == ("a", LOAD_OF_TWO)

    async def test_running_tasks_count_and_ended_ones_do_not(self, store: InspectableStore) -> None:
        """What runs is a load like what is ready; what has ended is none any more."""
        await team(store, "a", 1)
        await team(store, "b", 1)
        for grant in await claim(store):
            if grant.token.swarm == "b":
                await succeed(store, grant)

        assert await places(store, *spread(2)) == ["b", "a"]

    async def test_tasks_that_come_together_are_spread(self, store: InspectableStore) -> None:
        """Each task of one call sees those before it; of equal loads the older swarm is first."""
        for name in "abc":
            await team(store, name)

        assert await places(store, *spread(4)) == ["a", "b", "c", "a"]

    async def test_round_robin_goes_on_where_it_stood(self, store: InspectableStore) -> None:
        """Each swarm has its turn whatever its load, and the last chosen one is remembered."""
        await team(store, "a", 3)
        await team(store, "b", 1)
        await team(store, "c")

        first = await places(store, *spread(2, IN_TURN))
        then = await places(store, *spread(5, IN_TURN)[2:])

        assert [*first, *then] == ["a", "b", "c", "a", "b"]

    async def test_round_robin_survives_who_leaves(self, store: InspectableStore) -> None:
        """When the swarm chosen last is gone, the one after it comes next."""
        for name in "abc":
            await team(store, name)
        assert await places(store, *spread(2, IN_TURN)) == ["a", "b"]

        await steer(store, "b", SwarmMove.CANCEL)

        assert await places(store, *spread(4, IN_TURN)[2:]) == ["c", "a"]

    async def test_the_highest_priority_comes_first(self, store: InspectableStore) -> None:
        """By priority the load decides only between swarms of equal priority."""
        await team(store, "a", priority=5)
        await team(store, "b", 3, priority=7)
        await team(store, "c", 2, priority=7)

        [placed] = await place(store, distribution(placement=Placement.PRIORITY))

        assert [swarm for swarm, _ in placed.choice.looked] == ["c", "b", "a"]

    async def test_a_swarm_needs_every_capability(self, store: InspectableStore) -> None:
        """By capability only swarms that declared all of them fit, the least loaded first."""
        await team(store, "a", 0, "backend")
        await team(store, "b", 3, "backend", "database", "text")
        await team(store, "c", 1, "database", "backend")
        asked = distribution("backend", "database", placement=Placement.CAPABILITY)

        [placed] = await place(store, asked)

        assert [swarm for swarm, _ in placed.choice.looked] == ["c", "b"]

    async def test_capabilities_bind_that_placement_alone(self, store: InspectableStore) -> None:
        """Any other placement looks at every open swarm."""
        await team(store, "a")

        assert await places(store, distribution("gpu")) == ["a"]

    async def test_a_missing_capability_is_named(self, store: InspectableStore) -> None:
        """The refusal says what nobody has."""
        await team(store, "a", 0, "backend")
        asked = distribution("backend", "gpu", placement=Placement.CAPABILITY)

        refusal = await refused(store, asked)

        assert isinstance(refusal, NoSwarmFits)
        assert refusal.missing == ("gpu",)

    async def test_capabilities_of_two_swarms_do_not_add_up(self, store: InspectableStore) -> None:
        """When each capability is there but no swarm has all, nobody fits."""
        await team(store, "a", 0, "backend")
        await team(store, "b", 0, "database")
        asked = distribution("backend", "database", placement=Placement.CAPABILITY)

        refusal = await refused(store, asked)

        assert isinstance(refusal, NoSwarmFits)
        assert refusal.missing == ()

    async def test_only_open_swarms_are_candidates(self, store: InspectableStore) -> None:
        """A sealed, paused or ended swarm gets nothing; once resumed it does again."""
        await submit(store, "sealed", task("t"))
        for name in ("paused", "cancelled", "shut"):
            await team(store, name, 1)
        await steer(store, "paused", SwarmMove.PAUSE)
        await steer(store, "cancelled", SwarmMove.CANCEL)
        await steer(store, "shut", SwarmMove.SEAL)
        for placement in Placement:
            assert isinstance(await refused(store, distribution(placement=placement)), NoSwarmFits)

        await steer(store, "paused", SwarmMove.RESUME)

        assert await places(store, distribution()) == ["paused"]

    async def test_candidates_are_shown_by_load(self, store: InspectableStore) -> None:
        """Reading shows the open swarms as a choice would see them."""
        await team(store, "a", 2, "text")
        await team(store, "b", priority=7)
        await submit(store, "sealed", task("t"))
        b = Candidate(swarm=SwarmId("b"), priority=7, busy=0, slots=4)
        a = Candidate(swarm=SwarmId("a"), priority=5, busy=2, slots=4, skills=frozenset({"text"}))

        assert list(await store.placing.candidates()) == [b, a]
        assert list(await store.placing.candidates(limit=1)) == [b]

    async def test_the_cap_is_the_slots(self, store: InspectableStore) -> None:
        """A swarm whose cap is changed has another load from then on."""
        await team(store, "a", 1)
        await team(store, "b", 2)

        await steer(store, "b", SwarmMove.CAP, max_agents=40)

        assert await places(store, distribution()) == ["b"]

    async def test_the_task_runs_where_it_was_placed(self, store: InspectableStore) -> None:
        """A distributed task is one of its swarm's: granted, settled, and it ends the swarm."""
        await team(store, "a")
        await place(store, distribution())
        await steer(store, "a", SwarmMove.SEAL)

        grant = await claim_one(store)

        assert (keys([grant]), swarms([grant])) == (["d"], ["a"])
        await succeed(store, grant)
        assert (await store.registry.swarm(SwarmId("a"))).status == "completed"

    async def test_a_task_that_failed_stays_where_it_is(self, store: InspectableStore) -> None:
        """What became of a task does not change where it was placed."""
        await team(store, "a")
        await place(store, distribution())
        await settle(store, failed(), await claim_one(store))

        [again] = await place(store, distribution())

        assert again.verdict is ReceiptVerdict.ALREADY
        assert await statuses(store, "a") == {"d": "failed"}

    async def test_the_log_tells_why(self, store: InspectableStore) -> None:
        """The event that tells of the new task bears the choice."""
        await team(store, "a", 1)

        [placed] = await place(store, distribution("text"))

        [told] = [event for event in await events(store, "a") if event.kind == "swarm.extended"]
        assert told.data["placed"] == choice_json(placed.choice)
        assert placed.choice.by == "tests"
        assert "a at load 0.25" in placed.choice.reason

    async def test_a_repeated_command_places_nothing_twice(self, store: InspectableStore) -> None:
        """The same command again tells where the task is, although another swarm is less loaded."""
        await team(store, "a")
        [first] = await place(store, distribution())
        await team(store, "b")

        again = await place(store, distribution(), distribution())

        assert again == [replace(first, verdict=ReceiptVerdict.ALREADY)] * 2
        assert await statuses(store, "b") == {}

    async def test_a_command_has_one_body(self, store: InspectableStore) -> None:
        """The name of another distribution, or of a submission, cannot be used again."""
        await team(store, "a")
        await place(store, distribution())

        for asked in (
            distribution("gpu"),
            distribution(key="e", command="distribute-d"),
            distribution(key="e", command="submit-a"),
        ):
            assert isinstance(await refused(store, asked), CommandConflict)

    async def test_a_key_stands_once_in_a_swarm(self, store: InspectableStore) -> None:
        """A task whose key the chosen swarm has already is refused."""
        await team(store, "a")
        await place(store, distribution())

        assert isinstance(await refused(store, distribution(command="2")), DuplicateTask)

    async def test_what_cannot_be_stored_is_refused(self, store: InspectableStore) -> None:
        """A task that waits for another, has no command, or refers to nothing, goes nowhere."""
        await team(store, "a", 1)
        waits = replace(distribution(), task=task("d", "t0000"))
        ghost = replace(distribution(), task=task("d", input={"$blob": ABSENT, "bytes": 7}))

        assert isinstance(await refused(store, waits), UnknownDependency)
        assert isinstance(await refused(store, ghost), ArtifactNotFound)
        assert isinstance(await refused(store, replace(distribution(), command="")), PlanRefused)
        assert isinstance(await refused(store, distribution("not a name")), PlanRefused)

    async def test_one_refusal_hurts_nobody_else(self, store: InspectableStore) -> None:
        """A batch answers item by item, in order."""
        await team(store, "a")
        good, bad = distribution(), replace(distribution(key="e"), command="")

        answers = await store.placing.distribute([bad, good, bad])

        assert [type(answer) for answer in answers] == [PlanRefused, Placed, PlanRefused]

    @pytest.mark.deep
    async def test_a_full_swarm_is_not_open(self, store: InspectableStore) -> None:
        """A swarm that may have no more tasks is passed over."""
        await submit(store, "full", *many(10_000), sealed=False, max_agents=1_000)

        assert isinstance(await refused(store, distribution()), NoSwarmFits)

    async def test_an_unsound_capability_is_refused(self, store: InspectableStore) -> None:
        """A swarm declares names, and not too many."""
        unsound = [("a b",), tuple(f"c{n}" for n in range(17))]
        asked = [submission("a", capabilities=names, sealed=False) for names in unsound]

        answers = await store.work.submit(asked)

        assert [type(answer) for answer in answers] == [PlanRefused, LimitExceeded]

    async def test_where_a_task_is_survives_a_rebuild(self, store: InspectableStore) -> None:
        """What is derived of open swarms is built anew with the queues."""
        await team(store, "a", 1)
        await team(store, "b")

        await store.forget_queues()
        await store.leases.reconcile()

        assert await places(store, *spread(2)) == ["b", "a"]

    async def test_a_copy_of_a_team_is_a_team(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm that is made from the image of another one has its capabilities."""
        await team(store, "s", 1, "text", "gpu")
        await found(store, clock)

        shown = {each.swarm: each.skills for each in await store.placing.candidates()}

        assert shown == {"s": {"text", "gpu"}, "t": {"text", "gpu"}}

    async def test_what_is_forgotten_is_placed_anew(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """With its swarm a distribution is forgotten, as every command that made it."""
        await team(store, "a")
        await place(store, distribution())
        await steer(store, "a", SwarmMove.CANCEL)
        clock.advance(10)
        await store.retention.forget([SwarmId("a")], before=clock.now())
        await team(store, "b")

        [again] = await place(store, distribution())

        assert (again.verdict, again.ref.swarm) == (ReceiptVerdict.OK, "b")
