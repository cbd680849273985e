"""The planner: an objective becomes a plan, drafted by a model or from templates.

With a language model the plan begins as one task, whose role drafts: the tasks that its model
hands in join the swarm when it has. So the draft is worked on like everything else, by a worker,
in steps of a journal, and who submits waits for no model. Templates serve the offline model, and
whoever asks for them.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from skep.hive.templates import (
    GENERAL,
    PLANNER_AGENT,
    PLANNER_KEY,
    SYNTHESIS_AGENT,
    SYNTHESIS_KEY,
    TOPICS,
    WHOLE,
    Topic,
)
from skep.records.errors import InvalidInput, ObjectiveNotServed
from skep.records.ids import TaskKey
from skep.records.role import OFFLINE
from skep.records.swarm import Plan
from skep.records.task import TaskSpec
from skep.records.values import Json

TASK_TIMEOUT_S: Final = 600.0
JOIN_PRIORITY: Final = 9
_WORD: Final = re.compile(r"[a-z]+")


class Planner(StrEnum):
    """Who drafts a plan: the swarm's language model, or templates that need none."""

    MODEL = "model"
    TEMPLATE = "template"


def draft(
    objective: str, *, model: str, given: Json = None, planner: Planner | None = None
) -> Plan:
    """Begin the plan for an objective, or draft all of it from a template.

    Without a `planner` a language model drafts for itself, and templates serve the offline one.
    `given` is handed to whoever works on the objective as its input.

    Raises `ObjectiveNotServed` when no template fits and the model is the offline one, and
    `InvalidInput` where that one is to draft.
    """
    planner = planner or (Planner.TEMPLATE if model == OFFLINE else Planner.MODEL)
    if planner is Planner.TEMPLATE:
        return _from_template(objective, model=model, given=given)
    if model == OFFLINE:
        raise InvalidInput(
            "The offline model drafts no plan.",
            hint="Say a language model with --model, or --planner template.",
        )
    return Plan(tasks=(_drafter(given),))


def is_to_draft(plan: Plan) -> bool:
    """Say whether a plan is only the beginning of one, which a model is to draft."""
    return [(task.key, task.agent) for task in plan.tasks] == [(PLANNER_KEY, PLANNER_AGENT)]


def _from_template(objective: str, *, model: str, given: Json) -> Plan:
    """Draft analysts side by side, then a tolerant synthesis that joins what they found."""
    topics = topics_of(objective)
    if topics:
        return _plan([_analyst(topic, given) for topic in topics])
    if model == OFFLINE:
        raise ObjectiveNotServed(
            "The offline model has no template for this objective.",
            hint="It analyses repositories; try "
            '"Audit this repository", or name one of: '
            f"{', '.join(topic.key for topic in TOPICS)}. "
            "For anything else say a language model with --model.",
        )
    return _plan([_general(key, agent, given) for key, agent in GENERAL.items()])


def _drafter(given: Json) -> TaskSpec:
    return TaskSpec(
        key=TaskKey(PLANNER_KEY),
        agent=PLANNER_AGENT,
        title="Draft the plan",
        input=given,
        timeout_s=TASK_TIMEOUT_S,
    )


def topics_of(objective: str) -> list[Topic]:
    """Name the topics that an objective asks for; all of them when it asks for the whole."""
    words = _WORD.findall(objective.lower())
    named = [topic for topic in TOPICS if _is_asked(topic.stems, words)]
    if named:
        return named
    return list(TOPICS) if _is_asked(WHOLE, words) else []


def _is_asked(stems: Sequence[str], words: Sequence[str]) -> bool:
    return any(word.startswith(stem) for stem in stems for word in words)


def _plan(team: Sequence[TaskSpec]) -> Plan:
    join = TaskSpec(
        key=TaskKey(SYNTHESIS_KEY),
        agent=SYNTHESIS_AGENT,
        title="Join the reports into one",
        after=tuple(task.key for task in team),
        tolerant=True,
        priority=JOIN_PRIORITY,
        timeout_s=TASK_TIMEOUT_S,
    )
    return Plan(tasks=(*team, join))


def _analyst(topic: Topic, given: Json) -> TaskSpec:
    return TaskSpec(
        key=TaskKey(topic.key),
        agent=topic.agent,
        title=topic.title,
        input=given,
        timeout_s=TASK_TIMEOUT_S,
    )


def _general(key: str, agent: str, given: Json) -> TaskSpec:
    title = f"Work on the objective as its {agent}"
    return TaskSpec(
        key=TaskKey(key), agent=agent, title=title, input=given, timeout_s=TASK_TIMEOUT_S
    )
