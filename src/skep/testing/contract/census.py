"""The census: who is present, whose swarms are orphaned, and who adopts them."""

# ruff: noqa: PLR2004 - expected figures are literal

import pytest

from skep.records.errors import InvalidInput, SwarmNotFound
from skep.records.fleet_errors import NodeAbsent
from skep.records.ids import SwarmId
from skep.records.node import Hosting, HostState, Missed, Node, NodeId
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.testing.acts import claim, kinds, status_of, steer, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, order, task

BEAT_S = 30.0
M, S = SwarmMove, SwarmStatus
ONE, TWO, THREE = NodeId("n1"), NodeId("n2"), NodeId("n3")


async def enrol(store: InspectableStore, *nodes: NodeId) -> None:
    """Write nodes down."""
    for node in nodes:
        await store.census.enrol(Node(id=node, heartbeat_s=BEAT_S))


async def hosted(store: InspectableStore, node: NodeId, *swarms: str) -> None:
    """Submit swarms of one task, with a host."""
    for swarm in swarms:
        await submit(store, swarm, task("a"))
    await store.census.host([SwarmId(swarm) for swarm in swarms], node)


async def lose(store: InspectableStore, clock: ManualClock, *stay: NodeId) -> Missed:
    """Let all nodes but some miss their beats, and call the roll."""
    clock.advance(3 * BEAT_S + 1)
    await store.census.beat(stay)
    return await store.census.sweep()


async def host_of(store: InspectableStore, swarm: str) -> Hosting:
    """Read how a swarm stands to its host."""
    return {each.swarm: each for each in await store.census.hosted()}[SwarmId(swarm)]


class NodesContract:
    """Invariant 57 Census: a node is present for as long as it beats, by the store's clock."""

    async def test_a_node_is_written_down_with_the_stores_moments(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What it says of itself is kept, and its times are those of the store."""
        node = Node(
            id=ONE,
            host="here",
            pid=7,
            boot="b",
            queues=("default", 'with "marks"'),
            capabilities=("text",),
            slots=4,
            heartbeat_s=BEAT_S,
            started_at=1.0,
            beat_at=2.0,
            until=3.0,
        )

        written = await store.census.enrol(node)

        now = clock.now()
        assert (written.started_at, written.beat_at, written.until) == (now, now, now + 90.0)
        assert [written] == await store.census.nodes()
        assert (written.host, written.queues, written.slots) == ("here", node.queues, 4)

    async def test_a_node_tells_how_many_swarms_it_hosts(self, store: InspectableStore) -> None:
        """Counted by the store, enrolled again as well."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s", "t")

        assert [node.swarms for node in await store.census.nodes()] == [2, 0]

        assert (await store.census.enrol(Node(id=ONE, swarms=7))).swarms == 2

    async def test_a_beat_moves_the_moment_of_absence(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Who beats in time is never absent, and a stranger's beat is refused."""
        await enrol(store, ONE)
        clock.advance(BEAT_S)

        assert await store.census.beat([ONE, TWO]) == [True, False]

        (node,) = await store.census.nodes()
        assert (node.beat_at, node.until) == (clock.now(), clock.now() + 90.0)
        assert node.started_at == clock.now() - BEAT_S

    async def test_three_missed_beats_make_a_node_absent(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Not a moment before, and then it is forgotten by the next roll call."""
        await enrol(store, ONE)
        clock.advance(3 * BEAT_S)
        assert await store.census.sweep() == Missed()
        clock.advance(0.001)

        assert await store.census.sweep() == Missed(nodes=(ONE,))

        assert await store.census.nodes() == []
        assert await store.census.beat([ONE]) == [False]

    async def test_who_beats_late_but_before_the_roll_call_is_present(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Absence revokes nothing by itself; the roll call does."""
        await enrol(store, ONE)
        await hosted(store, ONE, "s")
        clock.advance(4 * BEAT_S)

        assert await store.census.beat([ONE]) == [True]

        assert await store.census.sweep() == Missed()
        assert await status_of(store, "s") is S.ACTIVE

    async def test_a_node_that_left_is_absent_at_once(self, store: InspectableStore) -> None:
        """Its beats count no more, and its swarms are orphaned by the next roll call."""
        await enrol(store, ONE)
        await hosted(store, ONE, "s")

        assert [await store.census.leave(ONE), await store.census.leave(TWO)] == [True, False]

        assert await store.census.beat([ONE]) == [False]
        assert await store.census.sweep() == Missed(nodes=(ONE,), swarms=(SwarmId("s"),))

    async def test_a_node_enrolled_again_keeps_its_swarms(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A worker that was started again under its name is the host that it was."""
        await enrol(store, ONE)
        await hosted(store, ONE, "s")
        clock.advance(4 * BEAT_S)

        await enrol(store, ONE)

        assert await store.census.sweep() == Missed()
        assert await host_of(store, "s") == Hosting(swarm=SwarmId("s"), node=ONE)

    async def test_a_clock_set_back_keeps_no_dead_node_present(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A moment too far away to be a heartbeat's counts as over."""
        clock.turn(7200.0)
        await enrol(store, ONE)
        clock.turn(-7200.0)

        assert await store.census.sweep() == Missed(nodes=(ONE,))

    @pytest.mark.parametrize("heartbeat_s", [0.0, -1.0, 601.0])
    async def test_a_heartbeat_that_makes_no_sense_is_refused(
        self, store: InspectableStore, heartbeat_s: float
    ) -> None:
        """Nothing is written down then."""
        with pytest.raises(InvalidInput):
            await store.census.enrol(Node(id=ONE, heartbeat_s=heartbeat_s))

        assert await store.census.nodes() == []


class HostingContract:
    """Invariant 58 Hosts: what loses its host while at work is interrupted; nothing else is."""

    async def test_a_swarm_of_a_lost_host_is_interrupted(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """It tells of it, once, and its ready tasks are not given out."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s", "t")
        await hosted(store, TWO, "u")

        missed = await lose(store, clock, TWO)

        assert missed == Missed(nodes=(ONE,), swarms=(SwarmId("s"), SwarmId("t")))
        assert await status_of(store, "s") is S.INTERRUPTED
        assert (await kinds(store, "s"))[-1] == M.INTERRUPT
        assert [grant.token.swarm for grant in await claim(store)] == ["u"]
        assert await store.census.sweep() == Missed()

    async def test_a_swarm_without_a_host_is_never_interrupted(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What was only submitted belongs to no process, whichever of them are lost."""
        await enrol(store, ONE)
        await submit(store, "s", task("a"))

        await lose(store, clock)

        assert await status_of(store, "s") is S.ACTIVE

    async def test_what_stands_still_stays_as_it_was(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A paused swarm stays paused and an ended one ended; both tell of nothing."""
        await enrol(store, ONE)
        await hosted(store, ONE, "done", "held")
        await steer(store, "done", M.CANCEL)
        await steer(store, "held", M.PAUSE)
        before = (await store.dump()).events

        assert (await lose(store, clock)).swarms == ()

        dump = await store.dump()
        assert dump.events == before
        held = Hosting(swarm=SwarmId("held"), node=ONE, state=HostState.ORPHANED)
        assert dump.hostings == [held]

    async def test_a_swarm_that_waits_for_a_person_is_not_adopted(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A foreground run is interrupted and stays so: nobody else serves its queue."""
        await enrol(store, ONE, TWO)
        await submit(store, "s", task("a"))
        await store.census.host([SwarmId("s")], ONE, is_adoptable=False)

        missed = await lose(store, clock, TWO)

        assert missed.swarms == (SwarmId("s"),)
        assert await store.census.adopt(TWO) == []
        assert await status_of(store, "s") is S.INTERRUPTED

    async def test_hosting_is_answered_item_by_item(self, store: InspectableStore) -> None:
        """A swarm that has ended needs no host, and one that is not there cannot have one."""
        await enrol(store, ONE)
        await hosted(store, ONE, "s", "done")
        await steer(store, "done", M.CANCEL)

        answers = await store.census.host([SwarmId("s"), SwarmId("done"), SwarmId("ghost")], ONE)

        assert answers[:2] == [True, False]
        assert isinstance(answers[2], SwarmNotFound)

    async def test_only_who_is_present_hosts_and_adopts(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A stranger is refused, and so is a node that missed its beats and does not know it."""
        await submit(store, "s", task("a"))
        await enrol(store, ONE)
        clock.advance(3 * BEAT_S + 1)

        for node in (ONE, TWO):
            with pytest.raises(NodeAbsent):
                await store.census.host([SwarmId("s")], node)
            with pytest.raises(NodeAbsent):
                await store.census.adopt(node)

        assert await store.census.hosted() == []

    async def test_a_roll_call_does_only_so_much_at_once(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The next one goes on, and the node is forgotten with the last of its swarms."""
        await enrol(store, ONE)
        await hosted(store, ONE, *(f"s{number}" for number in range(5)))
        clock.advance(3 * BEAT_S + 1)

        calls = [await store.census.sweep(limit=2) for _ in range(4)]

        assert [len(each.swarms) for each in calls] == [2, 2, 1, 0]
        assert [each.nodes for each in calls] == [(), (), (ONE,), ()]

    async def test_a_forgotten_swarm_has_no_host(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Nothing of it is met by the next roll call."""
        await enrol(store, ONE)
        await hosted(store, ONE, "s")
        await steer(store, "s", M.CANCEL)
        clock.advance(1.0)
        await store.retention.forget([SwarmId("s")], before=clock.now())

        assert await store.census.hosted() == []

        assert (await lose(store, clock)).nodes == (ONE,)


class AdoptionContract:
    """Invariant 59 Adoption: an orphan gets one host, and goes on only if its loss stopped it."""

    async def test_an_orphan_goes_on_under_its_new_host(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Interrupted, recovering, active: and its task is given out again."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s")
        await lose(store, clock, TWO)

        adopted = await store.census.adopt(TWO)

        assert adopted == ["s"]
        assert await status_of(store, "s") is S.RECOVERING
        assert await steer(store, "s", M.RESUME) is S.ACTIVE
        assert await store.census.adopt(TWO) == []
        assert await host_of(store, "s") == Hosting(swarm=SwarmId("s"), node=TWO)
        (grant,) = await claim(store)
        await succeed(store, grant)
        assert await status_of(store, "s") is S.COMPLETED
        moves = [kind for kind in await kinds(store, "s") if kind in {M.RECOVER, M.RESUME}]
        assert moves == [M.RECOVER, M.RESUME]

    async def test_one_of_those_who_adopt_wins(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The other gets nothing, now and after the swarm went on."""
        await enrol(store, ONE, TWO, THREE)
        await hosted(store, ONE, "s")
        await lose(store, clock, TWO, THREE)

        assert [await store.census.adopt(TWO), await store.census.adopt(THREE)] == [["s"], []]
        await steer(store, "s", M.RESUME)
        assert await store.census.adopt(THREE) == []

        assert (await host_of(store, "s")).node == TWO

    async def test_an_adoption_whose_answer_was_lost_is_answered_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Until the swarm goes on its new host is told of it, and nothing more is changed."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s")
        await lose(store, clock, TWO)
        await store.census.adopt(TWO)
        before = await store.dump()

        assert await store.census.adopt(TWO) == ["s"]

        assert await store.dump() == before

    async def test_who_is_lost_while_adopting_is_replaced(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The swarm is interrupted once more, and the third host brings it back."""
        await enrol(store, ONE, TWO, THREE)
        await hosted(store, ONE, "s")
        await lose(store, clock, TWO, THREE)
        await store.census.adopt(TWO)

        missed = await lose(store, clock, THREE)

        assert missed.swarms == (SwarmId("s"),)
        assert await store.census.adopt(THREE) == ["s"]

    @pytest.mark.parametrize("stop", [(M.PAUSE, S.PAUSED), (M.INTERRUPT, S.INTERRUPTED)])
    async def test_what_a_person_stopped_is_not_set_going(
        self, store: InspectableStore, clock: ManualClock, stop: tuple[SwarmMove, SwarmStatus]
    ) -> None:
        """Stopped before its host was lost, it only gets a new host."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s")
        move, status = stop
        await steer(store, "s", move)
        await lose(store, clock, TWO)

        assert await store.census.adopt(TWO) == []

        assert await status_of(store, "s") is status
        assert await host_of(store, "s") == Hosting(swarm=SwarmId("s"), node=TWO)

    async def test_what_a_person_did_after_the_loss_stands(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Resumed and interrupted again by hand, it is not the loss that stopped it."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s")
        await lose(store, clock, TWO)
        await store.work.steer([order("s", M.RESUME)])
        await steer(store, "s", M.INTERRUPT)

        assert await store.census.adopt(TWO) == []

        assert await status_of(store, "s") is S.INTERRUPTED

    async def test_words_to_an_orphan_do_not_keep_it_from_going_on(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """It was told something meanwhile, and is adopted all the same."""
        await enrol(store, ONE, TWO)
        await hosted(store, ONE, "s")
        await lose(store, clock, TWO)
        await store.work.steer([order("s", M.TELL, text="Be quick")])

        assert await store.census.adopt(TWO) == ["s"]

    async def test_as_many_are_adopted_as_were_asked_for(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Two hosts share the orphans of a third, each of them once."""
        names = [f"s{number}" for number in range(5)]
        await enrol(store, ONE, TWO, THREE)
        await hosted(store, ONE, *names)
        await lose(store, clock, TWO, THREE)

        first = await store.census.adopt(TWO, limit=3)
        second = await store.census.adopt(THREE, limit=3)

        assert (first, second) == (names[:3], names[3:])

    async def test_a_running_attempt_outlives_its_swarms_host(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Hosts are no leases: whoever works on a task settles it under its own token."""
        await enrol(store, ONE, TWO)
        await submit(store, "s", *many(2))
        await store.census.host([SwarmId("s")], ONE)
        grant, *_ = await claim(store, 1)
        await lose(store, clock, TWO)

        (verdict,) = await succeed(store, grant)

        assert verdict == "ok"
