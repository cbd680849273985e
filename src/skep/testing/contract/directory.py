"""The directory: finding swarms by what they are, counting them, and the archive."""

# ruff: noqa: PLR2004 - expected figures are literal

from collections.abc import Sequence
from dataclasses import replace

from skep.records.directory import Archived, Statistics, SwarmFilter, Tally, archived_of
from skep.records.errors import SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.swarm import Mode, Strategy, Swarm, SwarmMove, SwarmStatus
from skep.records.values import Json
from skep.testing.acts import claim, steer, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import submission, task

M, S = SwarmMove, SwarmStatus
DAY_S = 86_400.0


async def wanted(
    store: InspectableStore,
    swarm: str,
    *,
    strategy: Strategy = Strategy.AUTO,
    mode: Mode = Mode.CENTRALIZED,
    phase: Json = None,
) -> None:
    """Submit a swarm that is asked for in a certain way."""
    asked = submission(swarm, task("a"))
    metadata = {"phase": phase} if phase is not None else {}
    request = replace(asked.request, strategy=strategy, mode=mode, metadata=metadata)
    await store.work.submit([replace(asked, request=request)])


async def found(store: InspectableStore, meant: SwarmFilter) -> list[str]:
    """Find swarms; gives their ids."""
    return [swarm.id for swarm in await store.directory.find(meant)]


async def ended(store: InspectableStore, *swarms: str, outcome: str = "completed") -> None:
    """Have swarms come to their end, and deregister them."""
    for swarm in swarms:
        await submit(store, swarm, task("a"))
        await succeed(store, *await claim(store))
    await store.directory.deregister([SwarmId(swarm) for swarm in swarms], outcome)


async def records(store: InspectableStore, clock: ManualClock) -> list[Archived]:
    """Write down what has departed so far."""
    clock.advance(1.0)
    return [archived_of(each) for each in await store.directory.departed(clock.now())]


def ids(swarms: Sequence[Swarm | Archived]) -> list[str]:
    """Name swarms."""
    return [swarm.id for swarm in swarms]


class FindingContract:
    """Invariant 60 Directory: a filter finds exactly the swarms that have all it names."""

    async def test_swarms_are_found_by_each_thing_they_are(self, store: InspectableStore) -> None:
        """By status, strategy, mode and phase, by several, and by none; the youngest first."""
        await wanted(store, "a", strategy=Strategy.RESEARCH, phase="design")
        await wanted(store, "b", strategy=Strategy.RESEARCH, mode=Mode.MESH, phase="ship it: é")
        await wanted(store, "c", mode=Mode.MESH, phase="design")
        await steer(store, "c", M.PAUSE)

        assert await found(store, SwarmFilter()) == ["c", "b", "a"]
        assert await found(store, SwarmFilter(status=S.ACTIVE)) == ["b", "a"]
        assert await found(store, SwarmFilter(strategy=Strategy.RESEARCH)) == ["b", "a"]
        assert await found(store, SwarmFilter(mode=Mode.MESH)) == ["c", "b"]
        assert await found(store, SwarmFilter(phase="design")) == ["c", "a"]
        both = SwarmFilter(mode=Mode.MESH, strategy=Strategy.RESEARCH)
        assert await found(store, both) == ["b"]
        assert await found(store, replace(both, phase="ship it: é")) == ["b"]
        assert await found(store, replace(both, status=S.PAUSED)) == []

    async def test_a_phase_that_is_no_word_is_none(self, store: InspectableStore) -> None:
        """Metadata is the user's own, and may say anything."""
        await wanted(store, "a", phase=7)
        await wanted(store, "b", phase=["design"])
        await wanted(store, "c")

        assert await found(store, SwarmFilter(phase="7")) == []
        assert await found(store, SwarmFilter(phase="")) == []
        assert await found(store, SwarmFilter()) == ["c", "b", "a"]

    async def test_a_swarm_is_found_where_it_stands_now(self, store: InspectableStore) -> None:
        """Each move takes it from one status to the next."""
        await wanted(store, "s")

        for move, status in ((M.PAUSE, S.PAUSED), (M.RESUME, S.ACTIVE), (M.CANCEL, S.CANCELLED)):
            await steer(store, "s", move)
            everywhere = [each for each in S if await found(store, SwarmFilter(status=each))]
            assert everywhere == [status]

    async def test_pages_go_on_from_the_last_one_read(self, store: InspectableStore) -> None:
        """Every swarm once, whatever is asked for, though some changed meanwhile."""
        names = [f"s{number:02}" for number in range(12)]
        for place, name in enumerate(names):
            await wanted(store, name, mode=Mode.MESH if place % 2 else Mode.DISTRIBUTED)
        seen = list[str]()
        mesh = SwarmFilter(mode=Mode.MESH, status=S.ACTIVE)

        while page := await store.directory.find(
            mesh, before=SwarmId(seen[-1]) if seen else None, limit=2
        ):
            seen.extend(ids(page))
            await steer(store, seen[-1], M.CANCEL)

        assert seen == names[::-1][::2]
        all_of_them = list[str]()
        for _ in range(4):
            last = SwarmId(all_of_them[-1]) if all_of_them else None
            all_of_them.extend(ids(await store.directory.find(before=last, limit=5)))
        assert all_of_them == names[::-1]

    async def test_a_forgotten_swarm_is_found_nowhere(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Nothing of it is left in any index."""
        await wanted(store, "s", strategy=Strategy.RESEARCH, phase="design")
        await steer(store, "s", M.CANCEL)
        clock.advance(1.0)
        await store.retention.forget([SwarmId("s")], before=clock.now())

        assert await found(store, SwarmFilter(strategy=Strategy.RESEARCH)) == []
        assert await found(store, SwarmFilter(phase="design")) == []
        assert await found(store, SwarmFilter(status=S.CANCELLED)) == []


class StatisticsContract:
    """Invariant 61 Figures: what is counted is what there is and was."""

    async def test_an_empty_store_comes_to_nothing(self, store: InspectableStore) -> None:
        """Every figure is there from the beginning, and is zero."""
        assert await store.directory.statistics() == Statistics()

    async def test_swarms_are_counted_by_where_they_stand(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """What was forgotten stays among those that were registered."""
        for name in ("a", "b", "c", "d"):
            await wanted(store, name)
        await steer(store, "b", M.PAUSE)
        await steer(store, "c", M.CANCEL)
        await steer(store, "d", M.CANCEL)
        clock.advance(1.0)
        await store.retention.forget([SwarmId("d")], before=clock.now())

        figures = await store.directory.statistics()

        assert (figures.registered, figures.live) == (4, 2)
        assert figures.by_status == {S.ACTIVE: 1, S.PAUSED: 1, S.CANCELLED: 1}

    async def test_what_is_tallied_adds_up(self, store: InspectableStore) -> None:
        """Several at once, over calls and crashes of whoever counts."""
        await store.directory.tally({Tally.RECOVERIES: 2, Tally.STATE_ERRORS: 1})
        await store.directory.tally({Tally.RECOVERIES: 3, Tally.TASKS_DISTRIBUTED: 7})

        figures = await store.directory.statistics()

        assert (figures.recoveries, figures.state_errors) == (5, 1)
        assert figures.tasks_distributed == 7


class ArchiveContract:
    """Invariant 62 Archive: a record takes the place of a swarm that was deregistered and ended."""

    async def test_a_departed_swarm_is_kept_in_short(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The swarm is gone, the record tells what it was and what it came to."""
        await ended(store, "s", outcome="ship it: é")
        [record] = await records(store, clock)

        assert await store.directory.archive([record], keep_s=7 * DAY_S) == [True]

        assert await store.directory.archived() == [record]
        assert (record.outcome, record.status) == ("ship it: é", S.COMPLETED)
        assert await store.registry.swarms() == []
        figures = await store.directory.statistics()
        assert (figures.registered, figures.live, figures.archived) == (1, 0, 1)
        assert await store.directory.departed(clock.now()) == []

    async def test_only_what_ended_before_departs(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Deregistered swarms that live, or ended too lately, are not among them."""
        await ended(store, "old")
        clock.advance(DAY_S)
        await ended(store, "young")
        await submit(store, "live", task("a"))
        await store.directory.deregister([SwarmId("live")], "completed")
        await submit(store, "stays", task("b"))
        await steer(store, "stays", M.CANCEL)

        departed = await store.directory.departed(clock.now() - 1)

        assert [each.swarm.id for each in departed] == ["old"]

    async def test_the_first_outcome_stands(self, store: InspectableStore) -> None:
        """Deregistered twice it is told; a swarm that is not there is refused."""
        await ended(store, "s", outcome="first")

        answers = await store.directory.deregister([SwarmId("s"), SwarmId("ghost")], "second")

        assert answers[0] is False
        assert isinstance(answers[1], SwarmNotFound)
        [departed] = await store.directory.departed(2e9)
        assert departed.outcome == "first"

    async def test_a_swarm_that_went_on_is_not_archived(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Reopened, or reopened and ended again: the record is not of it as it stands."""
        await ended(store, "s")
        old = await records(store, clock)
        await steer(store, "s", M.REOPEN, "a")
        assert await store.directory.archive(old, keep_s=DAY_S) == [False]
        await succeed(store, *await claim(store))
        assert await store.directory.archive(old, keep_s=DAY_S) == [False]

        [new] = await records(store, clock)

        assert await store.directory.archive([new], keep_s=DAY_S) == [True]
        assert await store.directory.archive([new], keep_s=DAY_S) == [False]

    async def test_what_nobody_deregistered_is_not_archived(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Whatever a record says, the swarm stays until somebody asks for its end."""
        await ended(store, "s")
        [record] = await records(store, clock)
        await submit(store, "t", task("a"))
        await steer(store, "t", M.CANCEL)
        other = await store.registry.swarm(SwarmId("t"))

        stranger = replace(record, id=other.id, seq=other.last_seq)

        assert await store.directory.archive([stranger], keep_s=DAY_S) == [False]

    async def test_records_are_paged_and_dropped_by_age(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The youngest swarm first; what was archived first goes first."""
        await ended(store, "a", "b")
        await store.directory.archive(await records(store, clock), keep_s=7 * DAY_S)
        clock.advance(DAY_S)
        await ended(store, "c")
        await store.directory.archive(await records(store, clock), keep_s=7 * DAY_S)

        assert ids(await store.directory.archived(limit=2)) == ["c", "b"]
        assert ids(await store.directory.archived(before=SwarmId("b"))) == ["a"]
        assert await store.directory.expire(clock.now(), limit=1) == 1
        assert await store.directory.expire(clock.now()) == 1
        assert await store.directory.expire(clock.now()) == 0
        assert ids(await store.directory.archived()) == ["c"]
