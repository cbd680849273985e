"""How an addition that is too large for one call is parted."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skep.policy.pieces import check_whole, split
from skep.records.command import Addition
from skep.records.errors import CycleInPlan, DuplicateTask, LimitExceeded
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Token
from skep.records.limits import ADDITION_TASKS_MAX, PLAN_TASKS_MAX
from skep.records.task import Task, TaskSpec, TaskStatus
from skep.testing.samples import addition, many, task

SPAWNER = Token(
    incarnation="i", swarm=SwarmId("s"), task=TaskKey("p"), run=1, attempt=1, nonce="0" * 32
)


def sizes(pieces: Sequence[Addition]) -> list[int]:
    """Count the tasks of each piece."""
    return [len(piece.tasks) for piece in pieces]


def present(spec: TaskSpec, place: int = 0) -> Task:
    """A task that the swarm has."""
    ref = TaskRef(swarm=SwarmId("s"), key=spec.key)
    return Task(ref=ref, ordinal=place, spec=spec, status=TaskStatus.READY, unmet=0)


def test_what_fits_one_call_is_left_as_it_is() -> None:
    """An addition up to the limit is asked for as it stands."""
    asked = addition("s", *many(ADDITION_TASKS_MAX), command="c")

    assert split(asked) == (asked,)


def test_a_large_fan_out_is_parted_evenly() -> None:
    """2,000 tasks that wait for nobody take eight calls, in their order."""
    asked = addition("s", *many(2_000), command="c", token=SPAWNER)

    pieces = split(asked)

    assert sizes(pieces) == [256] * 7 + [208]
    assert tuple(spec for piece in pieces for spec in piece.tasks) == asked.tasks
    assert [piece.command for piece in pieces] == ["c", *(f"c/{n}" for n in range(2, 9))]
    assert {piece.token for piece in pieces} == {SPAWNER}


def test_pieces_of_two_bodies_differ_from_the_first() -> None:
    """Another body under the same command shows in the first piece, though it begins alike."""
    one = split(addition("s", *many(600), command="c"))
    other = split(addition("s", *many(601), command="c"))

    assert one[0].tasks == other[0].tasks
    assert one[0].digest != other[0].digest
    assert len({piece.digest for piece in one}) == len(one)


@settings(max_examples=20)
@given(st.permutations(range(300)))
def test_from_outside_what_waits_comes_after(order: list[int]) -> None:
    """However the tasks stand, none is in an earlier piece than what it waits for."""
    plan = [task(f"t{n}", *([f"t{n // 2}"] if n else [])) for n in range(300)]

    pieces = split(addition("s", *(plan[n] for n in order), command="c"))

    seen: set[TaskKey] = set()
    for piece in pieces:
        seen |= {spec.key for spec in piece.tasks}
        assert {up for spec in piece.tasks for up in spec.after} <= seen
    assert len(seen) == len(plan)


def test_a_spawn_keeps_together_what_hangs_together() -> None:
    """Tasks that wait for each other come in one call, wherever they stand."""
    downs = [task(f"down{n}", f"up{n}") for n in range(200)]
    pairs = [*downs, *(task(f"up{n}") for n in range(200))]

    pieces = split(addition("s", *pairs, command="c", token=SPAWNER))

    assert sizes(pieces) == [256, 144]
    for piece in pieces:
        own = {spec.key for spec in piece.tasks}
        assert {up for spec in piece.tasks for up in spec.after} <= own


def test_what_waits_for_the_spawner_comes_last() -> None:
    """A task that waits for its spawner must not be made to wait for the pieces behind it."""
    asked = [task("bound", "p"), *many(300), task("bound2", "p")]

    pieces = split(addition("s", *asked, command="c", token=SPAWNER))

    assert [spec.key for spec in pieces[-1].tasks][-2:] == ["bound", "bound2"]


def test_a_spawn_that_hangs_together_too_much_is_refused() -> None:
    """More tasks in one piece of the graph than one call takes are a limit with a name."""
    joined = [*many(300), task("z", *(f"t{n:04}" for n in range(300)))]
    bound = [task(f"t{n}", "p") for n in range(300)]

    for asked in (joined, bound):
        with pytest.raises(LimitExceeded, match="ADDITION_TASKS_MAX is 256, asked for 30"):
            split(addition("s", *asked, command="c", token=SPAWNER))


def test_a_large_addition_is_checked_as_a_whole() -> None:
    """A cycle over two pieces, or a key in two of them, is refused before the first is sent."""
    long = many(300)

    with pytest.raises(CycleInPlan):
        split(addition("s", *long, task("a", "b"), task("b", "a"), command="c"))
    with pytest.raises(DuplicateTask):
        split(addition("s", *long, long[0], command="c"))


def test_what_is_in_already_is_no_obstacle() -> None:
    """Tasks of pieces that were stored before a crash are taken for what they are."""
    asked = addition("s", *many(600), command="c")
    there = [present(spec, place) for place, spec in enumerate(asked.tasks[:256])]

    check_whole(asked, swarm=there)

    with pytest.raises(DuplicateTask):
        check_whole(asked, swarm=[present(task("t0001", agent="another"))])


def test_a_large_addition_must_fit_the_plan() -> None:
    """What would not fit is refused whole; what is there already is not counted twice."""
    full = [present(spec, n) for n, spec in enumerate(many(PLAN_TASKS_MAX - 300, "old"))]

    check_whole(addition("s", *many(300), command="c"), swarm=full)
    with pytest.raises(LimitExceeded, match="PLAN_TASKS_MAX"):
        check_whole(addition("s", *many(301), command="c"), swarm=full)
