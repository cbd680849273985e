"""Submitting swarms: whole or not at all, once, and within limits."""

from dataclasses import replace

import pytest

from skep.records import limits
from skep.records.command import Receipt, ReceiptVerdict, Submission
from skep.records.errors import (
    CommandConflict,
    CycleInPlan,
    DuplicateTask,
    LimitExceeded,
    PlanRefused,
    SkepError,
    UnknownDependency,
)
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmStatus
from skep.records.task import PRIORITY_NAMES, RetryPolicy, TaskSpec, TaskStatus
from skep.testing.acts import claim, events, keys, kinds, status_of, statuses, submit, succeed
from skep.testing.harness import InspectableStore
from skep.testing.samples import chain, many, submission, task


async def refusal_of(store: InspectableStore, asked: Submission) -> SkepError:
    """Submit what must be refused, and see that nothing of it was stored."""
    before = await store.dump()

    [answer] = await store.work.submit([asked])

    assert isinstance(answer, SkepError), answer
    assert await store.dump() == before
    return answer


class SubmittingContract:
    """Invariants 1, 2, 16, 17 and 29 at the door."""

    async def test_tasks_that_wait_for_nothing_are_ready_at_once(
        self, store: InspectableStore
    ) -> None:
        """A plan is stored whole: its roots are ready, the rest waits, the swarm is active."""
        await submit(store, "s", task("a"), task("b", "a"), task("c", "a", "b"))

        assert await statuses(store, "s") == {"a": "ready", "b": "waiting", "c": "waiting"}
        assert await status_of(store, "s") is SwarmStatus.ACTIVE

    async def test_a_task_may_stand_before_what_it_waits_for(self, store: InspectableStore) -> None:
        """The order of a plan is not the order of its dependencies."""
        await submit(store, "s", task("b", "a"), task("a"))

        assert keys(await claim(store)) == ["a"]

    async def test_a_submission_tells_of_itself_and_of_what_it_released(
        self, store: InspectableStore
    ) -> None:
        """The log opens with the submission, which names every task, then the released ones."""
        await submit(store, "s", task("a"), task("b", "a"), task("c"))

        told = await events(store, "s")
        assert [(event.kind, event.task) for event in told] == [
            ("swarm.submitted", None),
            ("task.released", "a"),
            ("task.released", "c"),
        ]
        assert told[0].data["tasks"] == ["a", "b", "c"]

    async def test_submitting_again_changes_nothing(self, store: InspectableStore) -> None:
        """The same command id with the same body repeats the first answer."""
        asked = submission("s", task("a"))
        await store.work.submit([asked])
        before = await store.dump()

        again = await store.work.submit([asked, asked])

        already = Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId("s"))
        assert list(again) == [already, already]
        assert await store.dump() == before

    async def test_a_repeat_is_known_after_the_swarm_has_ended(
        self, store: InspectableStore
    ) -> None:
        """A command is remembered longer than its swarm is at work."""
        await submit(store, "s", task("a"))
        await succeed(store, *await claim(store))

        [again] = await store.work.submit([submission("s", task("a"))])

        assert again == Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId("s"))

    async def test_a_command_id_stands_for_one_body(self, store: InspectableStore) -> None:
        """The same command id with another body is a conflict, and stores nothing."""
        await submit(store, "s", task("a"))

        refusal = await refusal_of(store, submission("s2", task("b"), command="submit-s"))

        assert isinstance(refusal, CommandConflict)

    async def test_a_swarm_id_is_taken_once(self, store: InspectableStore) -> None:
        """Another command cannot put its swarm in the place of one that exists."""
        await submit(store, "s", task("a"))

        refusal = await refusal_of(store, submission("s", task("b"), command="other"))

        assert isinstance(refusal, CommandConflict)

    async def test_one_refusal_does_not_touch_its_neighbours(self, store: InspectableStore) -> None:
        """A batch is answered item by item, in order."""
        answers = await store.work.submit(
            [
                submission("s1", task("a")),
                submission("s2", task("a", "ghost")),
                submission("s3", task("a")),
            ]
        )

        assert [type(answer) for answer in answers] == [Receipt, UnknownDependency, Receipt]
        assert {swarm.id for swarm in (await store.dump()).swarms} == {"s1", "s3"}

    async def test_a_refused_command_may_be_mended(self, store: InspectableStore) -> None:
        """Nothing of a refused submission is stored, its command id neither."""
        await refusal_of(store, submission("s", task("a", "ghost")))

        await submit(store, "s", task("a"))

        assert await statuses(store, "s") == {"a": "ready"}

    async def test_tasks_may_not_wait_for_each_other(self, store: InspectableStore) -> None:
        """A cycle is refused, and the refusal names it."""
        plan = (task("a"), task("b", "a", "d"), task("c", "b"), task("d", "c"))

        refusal = await refusal_of(store, submission("s", *plan))

        assert isinstance(refusal, CycleInPlan)
        assert set(refusal.cycle) == {"b", "c", "d"}

    async def test_a_task_may_not_wait_for_itself(self, store: InspectableStore) -> None:
        """The shortest cycle is one task."""
        refusal = await refusal_of(store, submission("s", task("a", "a")))

        assert isinstance(refusal, CycleInPlan)

    async def test_a_task_may_not_wait_for_an_unknown_one(self, store: InspectableStore) -> None:
        """A dependency outside the plan is refused by name."""
        refusal = await refusal_of(store, submission("s", task("a", "ghost")))

        assert isinstance(refusal, UnknownDependency)
        assert (refusal.task, refusal.missing) == ("a", "ghost")

    async def test_a_key_stands_once(self, store: InspectableStore) -> None:
        """Two tasks of one plan cannot share a key."""
        refusal = await refusal_of(store, submission("s", task("a"), task("a")))

        assert isinstance(refusal, DuplicateTask)

    @pytest.mark.parametrize(
        "bad",
        [
            task("b", "a", "a"),
            task("no spaces"),
            task(""),
            task("b", agent="two words"),
            task("b", queue="-q"),
            task("b", capabilities=frozenset({"ü"})),
            task("b", title="nul \0"),
            task("b", title="half \ud800"),
            task("b", input=float("nan")),
            task("b", input="half \ud800"),
        ],
    )
    async def test_a_malformed_task_is_refused(
        self, store: InspectableStore, bad: TaskSpec
    ) -> None:
        """A dependency named twice, a name that is none, a text no database keeps: all refused."""
        refusal = await refusal_of(store, submission("s", task("a"), bad))

        assert isinstance(refusal, PlanRefused)

    @pytest.mark.parametrize(
        ("limit", "bad"),
        [
            ("NAME_CHARS_MAX", task("n" * (limits.NAME_CHARS_MAX + 1))),
            ("TASK_EDGES_MAX", task("a", *map(str, range(limits.TASK_EDGES_MAX + 1)))),
            ("CAPABILITIES_MAX", task("a", capabilities=frozenset(map(str, range(17))))),
            ("VALUE_BYTES_MAX", task("a", input="x" * limits.VALUE_BYTES_MAX)),
            ("PRIORITY_MAX", task("a", priority=10)),
            ("PRIORITY_MAX", task("a", priority=-1)),
            ("SECONDS_MAX", task("a", timeout_s=limits.SECONDS_MAX + 1)),
            ("SECONDS_MAX", task("a", delay_s=-1.0)),
            ("SECONDS_MAX", task("a", delay_s=float("nan"))),
            ("SECONDS_MAX", task("a", retry=RetryPolicy(cap_s=float("inf")))),
            ("SECONDS_MAX", task("a", retry=RetryPolicy(base_s=-1.0))),
            ("ATTEMPTS_MAX", task("a", retry=RetryPolicy(attempts_max=0))),
            ("ATTEMPTS_MAX", task("a", retry=RetryPolicy(attempts_max=101))),
        ],
    )
    async def test_a_task_keeps_within_every_limit(
        self, store: InspectableStore, limit: str, bad: TaskSpec
    ) -> None:
        """Crossing a named limit is refused by its name."""
        refusal = await refusal_of(store, submission("s", bad))

        assert isinstance(refusal, LimitExceeded)
        assert refusal.limit == limit

    @pytest.mark.parametrize(
        ("limit", "bad"),
        [
            ("SWARM_AGENTS_MAX", submission("s", task("a"), max_agents=0)),
            ("SWARM_AGENTS_MAX", submission("s", task("a"), max_agents=1_001)),
            ("PRIORITY_MAX", submission("s", task("a"), priority=10)),
            ("SECONDS_MAX", submission("s", task("a"), timeout_s=-1.0)),
            ("PLAN_DEPTH_MAX", submission("s", *chain(limits.PLAN_DEPTH_MAX + 1))),
        ],
    )
    async def test_a_swarm_keeps_within_every_limit(
        self, store: InspectableStore, limit: str, bad: Submission
    ) -> None:
        """A swarm too hungry, too urgent, too long or too deep is refused by the limit's name."""
        refusal = await refusal_of(store, bad)

        assert isinstance(refusal, LimitExceeded)
        assert refusal.limit == limit

    async def test_a_plan_holds_a_limited_number_of_tasks(self, store: InspectableStore) -> None:
        """One task more than PLAN_TASKS_MAX is refused."""
        refusal = await refusal_of(store, submission("s", *many(limits.PLAN_TASKS_MAX + 1)))

        assert isinstance(refusal, LimitExceeded)
        assert refusal.limit == "PLAN_TASKS_MAX"

    @pytest.mark.parametrize("objective", ["", "  \n", "half \ud800", "o" * 10_001])
    async def test_a_swarm_has_an_objective(self, store: InspectableStore, objective: str) -> None:
        """An objective that is empty, too long or no text is refused."""
        asked = submission("s", task("a"))
        request = replace(asked.request, objective=objective)

        refusal = await refusal_of(store, replace(asked, request=request))

        assert isinstance(refusal, PlanRefused)

    async def test_a_sealed_plan_has_a_task(self, store: InspectableStore) -> None:
        """A sealed swarm without tasks could never end, and is refused."""
        assert isinstance(await refusal_of(store, submission("s")), PlanRefused)

    async def test_an_open_plan_may_begin_empty(self, store: InspectableStore) -> None:
        """A standing team waits for tasks to come."""
        await submit(store, "s", sealed=False)

        assert await status_of(store, "s") is SwarmStatus.ACTIVE

    async def test_what_lies_on_a_limit_is_accepted(self, store: InspectableStore) -> None:
        """Limits are inclusive."""
        edge = task(
            "n" * limits.NAME_CHARS_MAX,
            input="x" * (limits.VALUE_BYTES_MAX - 2),
            priority=limits.PRIORITY_MAX,
            capabilities=frozenset(map(str, range(limits.CAPABILITIES_MAX))),
            timeout_s=limits.SECONDS_MAX,
            retry=RetryPolicy(attempts_max=limits.ATTEMPTS_MAX),
        )
        await submit(store, "s", edge, *chain(limits.PLAN_DEPTH_MAX), priority=0, max_agents=1)

        assert len(await statuses(store, "s")) == 1 + limits.PLAN_DEPTH_MAX

    async def test_a_delayed_task_sleeps_from_its_release(self, store: InspectableStore) -> None:
        """A delay makes the task sleep before it is ready, and the log says until when."""
        await submit(store, "s", task("a", delay_s=5.0))

        assert await statuses(store, "s") == {"a": TaskStatus.SLEEPING}
        assert await kinds(store, "s") == ["swarm.submitted", "task.postponed"]
        assert await claim(store) == []

    async def test_a_specification_is_given_back_as_it_came(self, store: InspectableStore) -> None:
        """Whatever a plan says of a task reaches the worker that takes it."""
        asked = task(
            "a",
            title="Ä title",
            input={"list": [1, 2.5, None, "é"], "deep": {"x": True}},
            priority=PRIORITY_NAMES["high"],
            capabilities=frozenset({"gpu"}),
            retry=RetryPolicy(attempts_max=2, base_s=0.5, cap_s=3.0),
        )
        await submit(store, "s", asked)

        [grant] = await claim(store, capabilities=frozenset({"gpu"}))

        assert grant.spec == asked
