"""The planner: which objectives its templates serve, and the plans they give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skep.hive.planner import Planner, draft, is_to_draft, topics_of
from skep.hive.templates import TOPICS
from skep.policy.plans import check_plan
from skep.records.errors import InvalidInput, ObjectiveNotServed
from skep.records.role import OFFLINE

ALL = [topic.key for topic in TOPICS]


@pytest.mark.parametrize(
    ("objective", "keys"),
    [
        ("Audit this repository", ALL),
        ("Review the code", ALL),
        ("Summarise this project, please", ALL),
        ("List the TODOs", ["todos"]),
        ("Check the tests and the dependencies", ["tests", "dependencies"]),
        ("Is there a security problem?", ["secrets", "dependencies"]),
        ("Find technical debt", ["complexity", "todos"]),
    ],
)
def test_an_objective_asks_for_the_topics_it_names_or_for_all(
    objective: str, keys: list[str]
) -> None:
    """Named topics are taken alone; a word for the whole takes every topic."""
    assert [topic.key for topic in topics_of(objective)] == keys


def test_the_synthesis_waits_for_every_analyst_and_tolerates_a_failed_one() -> None:
    """The plan is a star: analysts that wait for nobody, and one tolerant join."""
    plan = draft("Audit this repository", model=OFFLINE)

    *team, join = plan.tasks
    assert len(team) == len(TOPICS) >= 6
    assert all(task.after == () for task in team)
    assert (join.after, join.tolerant) == (tuple(task.key for task in team), True)


def test_what_the_offline_model_cannot_do_is_refused_with_what_it_can() -> None:
    """An objective without a template names those there are, and how to go beyond them."""
    with pytest.raises(ObjectiveNotServed) as refusal:
        draft("Write a poem about bees", model=OFFLINE)

    assert all(key in refusal.value.hint for key in ALL)
    assert "--model" in refusal.value.hint


@pytest.mark.parametrize("objective", ["Write a poem about bees", "Audit this repository"])
def test_a_language_model_drafts_its_plan_unless_a_template_is_asked_for(objective: str) -> None:
    """The plan begins as one task for the planner, whatever the templates know."""
    plan = draft(objective, model="openai:some-model", given="in rhymes")

    assert [(task.key, task.agent, task.input) for task in plan.tasks] == [
        ("plan", "planner", "in rhymes")
    ]
    assert is_to_draft(plan)
    assert not is_to_draft(draft("Audit this", model="openai:m", planner=Planner.TEMPLATE))


def test_the_offline_model_is_not_asked_to_draft() -> None:
    """Who asks for that is told what to say instead; templates do not step in."""
    with pytest.raises(InvalidInput) as refusal:
        draft("Audit this repository", model=OFFLINE, planner=Planner.MODEL)

    assert "--planner template" in refusal.value.hint


def test_a_template_has_a_team_for_any_objective_of_a_language_model() -> None:
    """An objective without a template of its own is worked on by a general team."""
    objective, planner = "Write a poem about bees", Planner.TEMPLATE

    plan = draft(objective, model="openai:some-model", given="in rhymes", planner=planner)

    assert [task.agent for task in plan.tasks] == [
        "researcher", "architect", "reviewer", "synthesizer",
    ]  # fmt: skip
    assert plan.tasks[0].input == "in rhymes"


@given(st.text(max_size=200))
def test_every_drafted_plan_can_be_stored(objective: str) -> None:
    """Whatever the objective, the plan has no cycle, no unknown name, and keeps the limits."""
    check_plan(draft(objective, model="openai:some-model", planner=Planner.TEMPLATE))
