"""Which graphs are plans, compared with a search that needs no cleverness."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skep.policy.plans import body_of, check_addition, check_plan
from skep.records.codec import request_json, spec_json
from skep.records.errors import (
    CycleInPlan,
    DuplicateTask,
    LimitExceeded,
    PlanRefused,
    UnknownDependency,
)
from skep.records.ids import SwarmId, TaskKey
from skep.records.lease import Token
from skep.records.limits import PLAN_DEPTH_MAX
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import TaskSpec, TaskStatus
from skep.records.values import canonical
from skep.testing.samples import addition, chain, task


@st.composite
def graphs(draw: st.DrawFn) -> list[TaskSpec]:
    """Draw up to eight tasks with any edges between them, loops and cycles too."""
    keys = [f"t{number}" for number in range(draw(st.integers(1, 8)))]
    return [
        task(key, *draw(st.lists(st.sampled_from(keys), unique=True, max_size=3))) for key in keys
    ]


def has_cycle(specs: list[TaskSpec]) -> bool:
    """Follow every path from every task, as far as there are tasks."""
    after = {spec.key: spec.after for spec in specs}
    ends = {(key, key) for key in after}
    for _ in after:
        ends = {(start, up) for start, end in ends for up in after[end]}
        if any(start == end for start, end in ends):
            return True
    return False


@given(graphs())
def test_exactly_the_graphs_with_a_cycle_are_refused(specs: list[TaskSpec]) -> None:
    """Kahn's walk and the plain search agree, and the cycle named is one."""
    if not has_cycle(specs):
        check_plan(Plan(tasks=tuple(specs)))
        return

    with pytest.raises(CycleInPlan) as raised:
        check_plan(Plan(tasks=tuple(specs)))

    after, cycle = {spec.key: spec.after for spec in specs}, raised.value.cycle
    assert cycle[0] == cycle[-1]
    assert len(set(cycle)) == len(cycle) - 1 >= 1
    assert all(waited_for in after[TaskKey(waiting)] for waiting, waited_for in pairwise(cycle))


@given(st.data())
def test_the_order_of_a_plan_does_not_matter(data: st.DataObject) -> None:
    """A plan is refused or accepted whatever order its tasks stand in."""
    specs = data.draw(graphs())
    shuffled = data.draw(st.permutations(specs))

    assert refusal_of(specs) == refusal_of(shuffled)


def refusal_of(specs: list[TaskSpec]) -> type[PlanRefused] | None:
    """Name how a plan is refused."""
    try:
        check_plan(Plan(tasks=tuple(specs)))
    except PlanRefused as refusal:
        return type(refusal)
    return None


def test_the_longest_path_is_bounded() -> None:
    """A chain at the limit passes, one task more does not."""
    check_plan(Plan(tasks=tuple(chain(PLAN_DEPTH_MAX))))

    with pytest.raises(LimitExceeded, match="PLAN_DEPTH_MAX"):
        check_plan(Plan(tasks=tuple(chain(PLAN_DEPTH_MAX + 1))))


TOKEN = Token(incarnation="i", swarm=SwarmId("s"), task=TaskKey("me"), run=1, attempt=1, nonce="n")
SWARM = {
    TaskKey("me"): TaskStatus.RUNNING,
    TaskKey("done"): TaskStatus.FAILED,
    TaskKey("live"): TaskStatus.READY,
}


@pytest.mark.parametrize(
    ("up", "token", "refusal"),
    [
        ("me", TOKEN, None),
        ("done", TOKEN, None),
        ("live", TOKEN, UnknownDependency),
        ("live", None, None),
        ("me", None, None),
        ("ghost", None, UnknownDependency),
    ],
)
def test_who_may_be_waited_for(
    up: str, token: Token | None, refusal: type[PlanRefused] | None
) -> None:
    """From outside every task may be waited for, in a spawn only what cannot wait for it."""
    asked = addition("s", task("new", up), token=token)
    if refusal is None:
        check_addition(asked, total=len(SWARM), present=SWARM)
    else:
        with pytest.raises(refusal):
            check_addition(asked, total=len(SWARM), present=SWARM)


def test_a_taken_key_is_not_added() -> None:
    """Keys are unique over the swarm's life."""
    with pytest.raises(DuplicateTask, match="done"):
        check_addition(addition("s", task("done")), total=len(SWARM), present=SWARM)


def test_a_body_tells_plans_apart() -> None:
    """Equal tasks have equal bodies, in whatever order their capabilities stand."""
    one = task("a", capabilities=frozenset({"x", "y"}))

    assert body_of([one]) == body_of([task("a", capabilities=frozenset({"y", "x"}))])
    assert body_of([one]) != body_of([task("a")])


@pytest.mark.parametrize("request_", [None, SwarmRequest(objective="Gather", metadata={"a": "é"})])
def test_a_body_is_one_canonical_text(request_: SwarmRequest | None) -> None:
    """Put together from written tasks, it is what it always was: a repeated command is known."""
    tasks = [task("a"), task("b", "a")]

    whole = canonical(
        {
            "tasks": [spec_json(each) for each in tasks],
            "request": request_json(request_) if request_ else None,
            "sealed": False,
        }
    )

    assert body_of(tasks, request_, sealed=False) == whole
