"""Orders with a name: carried out once, however often they are given."""

import pytest

from skep.records.command import Order
from skep.records.errors import CommandConflict, IllegalMove, SwarmNotFound
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy, TaskStatus
from skep.testing.acts import claim_one, kinds, settle, statuses, steer, submit, succeed, task_of
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import addition, failed, order, retried, submission, task

M, S = SwarmMove, SwarmStatus


class OrdersContract:
    """Invariant 16 for orders: one name is one order."""

    async def test_a_repeated_reopening_opens_one_run(self, store: InspectableStore) -> None:
        """The answer to a retry was lost: asking again does not do the work a third time."""
        await submit(store, "s", task("a"))
        await settle(store, failed(), await claim_one(store))
        assert await steer(store, "s", M.REOPEN, command="c") is S.ACTIVE
        await settle(store, failed(), await claim_one(store))
        before = await store.dump()

        assert await steer(store, "s", M.REOPEN, command="c") is S.FAILED

        assert await store.dump() == before
        assert (await task_of(store, "s", "a")).run == 2  # noqa: PLR2004 - the run it opened

    async def test_a_repeated_resumption_forgives_once(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Failures that came after a resumption count, though it is asked for again."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=2)))
        await steer(store, "s", M.RESUME, command="c")
        await settle(store, retried(clock.now()), await claim_one(store))

        await steer(store, "s", M.RESUME, command="c")

        assert (await task_of(store, "s", "a")).failures == 1
        assert (await kinds(store, "s")).count("swarm.resumed") == 1

    async def test_a_repeated_resumption_leaves_the_clock(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Repeating a resumption does not begin the swarm's time-out anew."""
        await submit(store, "s", task("a"), timeout_s=60.0)
        await steer(store, "s", M.RESUME, command="c")
        clock.advance(50)

        await steer(store, "s", M.RESUME, command="c")
        clock.advance(20)

        assert (await store.leases.sweep()).timed_out == 1

    async def test_a_late_repeat_does_not_undo_what_followed(self, store: InspectableStore) -> None:
        """A pause that is repeated after the swarm was resumed answers that it is active."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.PAUSE, command="c")
        await steer(store, "s", M.RESUME)

        assert await steer(store, "s", M.PAUSE, command="c") is S.ACTIVE

    async def test_what_was_so_already_is_carried_out_too(self, store: InspectableStore) -> None:
        """An order that found nothing to do is remembered as one that did."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.PAUSE)
        await steer(store, "s", M.PAUSE, command="c")
        await steer(store, "s", M.RESUME)

        assert await steer(store, "s", M.PAUSE, command="c") is S.ACTIVE

    async def test_the_first_and_its_repeat_in_one_call(self, store: InspectableStore) -> None:
        """An order twice in one batch is one order."""
        await submit(store, "s", task("a"))
        await settle(store, failed(), await claim_one(store))
        twice = [order("s", M.REOPEN, command="c")] * 2

        assert list(await store.work.steer(twice)) == [S.ACTIVE, S.ACTIVE]

        assert (await kinds(store, "s")).count("swarm.reopened") == 1

    @pytest.mark.parametrize(
        "other",
        [
            order("s", M.INTERRUPT, command="c"),
            order("t", M.PAUSE, command="c"),
            order("s", M.PAUSE, command="c", reason="another"),
            order("s", M.CAP, command="c", max_agents=1),
        ],
    )
    async def test_one_name_for_two_orders_is_a_conflict(
        self, store: InspectableStore, other: Order
    ) -> None:
        """Another move, swarm or reason under the same name is refused, and nothing moves."""
        await submit(store, "s", task("a"))
        await submit(store, "t", task("a"))
        await steer(store, "s", M.PAUSE, command="c")
        before = await store.dump()

        [answer] = await store.work.steer([other])

        assert isinstance(answer, CommandConflict)
        assert await store.dump() == before

    async def test_tasks_are_part_of_an_order(self, store: InspectableStore) -> None:
        """The same name for the retry of another task is a conflict."""
        await submit(store, "s", task("a"), task("b"))
        await settle(store, failed(), await claim_one(store))
        await succeed(store, await claim_one(store))
        await steer(store, "s", M.REOPEN, "a", command="c")

        [answer] = await store.work.steer([order("s", M.REOPEN, "b", command="c")])

        assert isinstance(answer, CommandConflict)
        assert (await statuses(store, "s"))["b"] is TaskStatus.SUCCEEDED

    async def test_names_are_shared_by_all_commands(self, store: InspectableStore) -> None:
        """The name of a submission or an addition is no name for an order, nor the reverse."""
        await store.work.submit([submission("s", task("a"), sealed=False, command="c1")])
        await store.work.add([addition("s", task("b"), command="c2")])
        await steer(store, "s", M.PAUSE, command="c3")

        answers = [
            *await store.work.steer([order("s", M.RESUME, command="c1")]),
            *await store.work.steer([order("s", M.RESUME, command="c2")]),
            *await store.work.submit([submission("t", task("a"), command="c3")]),
        ]

        assert all(isinstance(answer, CommandConflict) for answer in answers), answers

    async def test_a_refused_order_leaves_its_name_free(self, store: InspectableStore) -> None:
        """What was refused may be asked for again under its name once it is possible."""
        [unknown] = await store.work.steer([order("s", M.PAUSE, command="c")])
        await submit(store, "s", task("a"))
        await steer(store, "s", M.PAUSE)
        [illegal] = await store.work.steer([order("s", M.REOPEN, command="d")])
        await steer(store, "s", M.RESUME)

        assert isinstance(unknown, SwarmNotFound)
        assert isinstance(illegal, IllegalMove)
        assert await steer(store, "s", M.PAUSE, command="c") is S.PAUSED

    async def test_orders_without_a_name_are_carried_out_each_time(
        self, store: InspectableStore
    ) -> None:
        """Nothing is remembered of an order that has no name."""
        await submit(store, "s", task("a"))

        for move in (M.PAUSE, M.RESUME, M.PAUSE):
            await steer(store, "s", move)

        assert (await kinds(store, "s")).count("swarm.paused") == 2  # noqa: PLR2004 - as ordered
