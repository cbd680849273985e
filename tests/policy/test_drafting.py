"""Drafts of plans: what of them cannot be used, and in which words a model is told so."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skep.agent.catalog import read_catalog
from skep.policy.drafting import (
    DRAFT_DEPTH_MAX,
    DRAFT_TASKS_MAX,
    drafted,
    faults_of_draft,
    form_of_draft,
    on_offer,
)
from skep.policy.forms import faults_of_form, misfits
from skep.policy.plans import check_plan
from skep.records.role import Role
from skep.records.swarm import Plan
from skep.records.task import AgentKind
from skep.records.values import Json

ROLES = on_offer(read_catalog().roles)
FORM = form_of_draft(ROLES)


def row(key: str, *after: str, agent: str = "researcher") -> dict[str, Json]:
    """One task of a draft."""
    return {
        "key": key,
        "agent": agent,
        "title": f"Do {key}",
        "instructions": f"Do {key} well.",
        "after": [*after],
    }


def draft(*rows: dict[str, Json]) -> dict[str, Json]:
    """A draft of these tasks."""
    return {"tasks": [*rows]}


GOOD = draft(row("a"), row("b"), row("join", "a", "b", agent="synthesizer"))


def test_the_form_of_a_draft_is_one_and_names_the_roles_on_offer() -> None:
    """It has no word that is not checked, and no role that drafts may be named."""
    assert faults_of_form(dict(FORM)) == []
    assert misfits(GOOD, FORM) == []
    (wrong,) = misfits(draft(row("a", agent="planner")), FORM)
    assert "result.tasks[0].agent is none of" in wrong
    assert "planner" not in {role.name for role in ROLES}


def test_agents_that_are_no_language_models_are_not_on_offer() -> None:
    """A draft may name only who can be told in words what to do."""
    roles = {
        name: Role(name=name, description="", instructions="x", kind=kind)
        for name, kind in (("llm", AgentKind.LLM), ("function", AgentKind.FUNCTION))
    }

    assert [role.name for role in on_offer(roles)] == ["llm"]


def test_the_task_that_joins_is_tolerant_and_no_other() -> None:
    """What is left when one failed is joined all the same; a single task joins nothing."""
    assert [task.tolerant for task in drafted(GOOD)] == [False, False, True]
    assert [task.tolerant for task in drafted(draft(row("a")))] == [False]


WRONG: Mapping[str, tuple[Json, str]] = {
    "cycle": (draft(row("a", "b"), row("b", "a")), "a -> b -> a"),
    "unknown": (draft(row("a", "z")), "'z'"),
    "twice": (draft(row("a"), row("a")), "'a'"),
    "no name": (draft(row("a b")), "no valid name"),
    "taken": (draft(row("plan")), "['plan'] are taken"),
    "ends": (draft(row("a"), row("b")), "nobody waits for the tasks ['a', 'b']"),
    "deep": (
        draft(row("t0"), *(row(f"t{n}", f"t{n - 1}") for n in range(1, DRAFT_DEPTH_MAX + 1))),
        f"a path of {DRAFT_DEPTH_MAX + 1} tasks",
    ),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_what_no_form_can_say_is_found_and_named(wrong: Json, said: str) -> None:
    """Each fault of the plan is told with the keys that it is about."""
    assert misfits(wrong, FORM) == []

    (fault,) = faults_of_draft(wrong, taken=["plan"])

    assert said in fault


def test_too_many_tasks_do_not_fit_the_form() -> None:
    """The limit is a number that the model reads."""
    (wrong,) = misfits(draft(*(row(f"t{n}") for n in range(DRAFT_TASKS_MAX + 1))), FORM)

    assert str(DRAFT_TASKS_MAX) in wrong


keys = st.sampled_from(["a", "b", "c", "d", "e", "e f", ""])


@given(st.lists(st.tuples(keys, st.lists(keys, max_size=4)), min_size=1, max_size=8))
def test_a_draft_without_a_fault_is_a_plan_that_can_be_stored(
    rows: list[tuple[str, list[str]]],
) -> None:
    """Whatever a model makes up, either it is told what is wrong or the store takes it."""
    made = draft(*(row(key, *after) for key, after in rows))

    if not (misfits(made, FORM) or faults_of_draft(made, taken=())):
        plan = Plan(tasks=drafted(made))
        check_plan(plan)
        waited_for = {up for task in plan.tasks for up in task.after}
        assert len([task for task in plan.tasks if task.key not in waited_for]) == 1
