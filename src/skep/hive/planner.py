"""The planner: an objective becomes a plan, from templates, as a centralized swarm."""

import re
from collections.abc import Sequence
from typing import Final

from skep.hive.templates import GENERAL, SYNTHESIS_AGENT, SYNTHESIS_KEY, TOPICS, WHOLE, Topic
from skep.records.errors import ObjectiveNotServed
from skep.records.ids import TaskKey
from skep.records.role import OFFLINE
from skep.records.swarm import Plan
from skep.records.task import TaskSpec
from skep.records.values import Json

TASK_TIMEOUT_S: Final = 600.0
JOIN_PRIORITY: Final = 9
_WORD: Final = re.compile(r"[a-z]+")


def draft(objective: str, *, model: str, given: Json = None) -> Plan:
    """Draft the plan for an objective: analysts side by side, then a synthesis that joins them.

    `given` is handed to every analyst as its input. The synthesis is tolerant: it also joins
    what is left when an analyst failed.

    Raises `ObjectiveNotServed` when no template fits and the model is the offline one.
    """
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
