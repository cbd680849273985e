"""What a user asks for: objective, plan, input and model, from arguments, files and stdin."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

import yaml

from skep.hive.planner import Planner, draft
from skep.records.codec import spec_of
from skep.records.errors import InvalidInput, ModelNotConfigured, PlanRefused
from skep.records.limits import BLOB_BYTES_MAX, OBJECTIVE_CHARS_MAX
from skep.records.role import OFFLINE
from skep.records.swarm import Plan
from skep.records.task import AgentKind, TaskSpec
from skep.records.values import Json
from skep.settings import KEYS_OF_PROVIDERS, Settings

STDIN: Final = "-"
PLAN_FIELDS: Final = frozenset({"objective", "tasks"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An objective, the plan for it, the model that is to serve it, and why that model.

    `is_drafted` where that model drafted the plan just now.
    """

    objective: str
    plan: Plan
    model: str
    notice: str
    is_drafted: bool = False


def read_wish(
    objective: str | None,
    settings: Settings,
    *,
    plan: str | Planner | None = None,
    input_file: str | None = None,
    model: str | None = None,
    falls_back: bool = True,
) -> Wish:
    """Read what the user asks for; `plan` names a file, or who drafts it.

    Where it does not fall back to the offline model, agents that need a model must be given one.

    Raises `InvalidInput` and its kinds, or a `ModelError`.
    """
    planner = plan if isinstance(plan, Planner) else None
    if plan == STDIN and objective == STDIN:
        raise InvalidInput("The plan and the objective cannot both come from stdin.")
    given = read_input(input_file) if input_file else None
    planned = read_plan(plan) if plan and not planner else None
    objective = read_objective(objective, planned)
    if not falls_back and _needs_model(planned):
        check_named(model, settings)
    model, notice = choose_model(model, settings)
    if planned is None:
        drafted = draft(objective, model=model, given=given, planner=planner)
    else:
        drafted = Plan(tasks=tuple(_given(task, given) for task in planned.tasks))
    _check_model(model, settings, is_asked_here=falls_back)
    return Wish(objective=objective, plan=drafted, model=model, notice=notice if falls_back else "")


def choose_model(asked: str | None, settings: Settings) -> tuple[str, str]:
    """Choose the model: the one named, else the offline one; and say why, where that matters.

    A provider's key is no wish for one of its models, so no model is ever guessed.
    """
    named = asked or settings.model
    if named:
        return named, ""
    keys = [key for key in KEYS_OF_PROVIDERS if settings.environment.get(key)]
    if keys:
        provider = KEYS_OF_PROVIDERS[keys[0]]
        return OFFLINE, (
            f"{keys[0]} is set, but no model was named, so the offline model works here."
            f" To use a language model: --model {provider}:NAME, or SKEP_MODEL."
        )
    return OFFLINE, (
        "No model was named and no provider's key is set, so the offline model works here:"
        " no language model, but real tools and fixed rules."
    )


def check_named(asked: str | None, settings: Settings) -> None:
    """Refuse to assume a model. Raises `ModelNotConfigured`."""
    if not (asked or settings.model):
        raise ModelNotConfigured(
            "No model was named, and other processes do the work.",
            hint="Say --model provider:NAME, or --model offline; SKEP_MODEL is read too.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A plan as a file holds it."""

    objective: str
    tasks: Sequence[TaskSpec]


def read_plan(name: str) -> PlanFile:
    """Read a plan file (JSON or YAML), or stdin. Raises `PlanRefused` or `InvalidInput`."""
    text = sys.stdin.read() if name == STDIN else read_input(name)
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise PlanRefused(f"The plan cannot be read: {reason}.") from error
    fields = _mapping(value)
    tasks = fields.get("tasks")
    if not isinstance(tasks, list) or not tasks:
        raise PlanRefused("The plan has no list of tasks.")
    objective = fields.get("objective") or f"Work on the plan {Path(name).name}"
    return PlanFile(objective=str(objective), tasks=[spec_of(task) for task in tasks])


def read_objective(said: str | None, planned: PlanFile | None) -> str:
    """Read the objective: as said, from stdin for `-` or a pipe, or from the plan."""
    if said is None and planned is not None:
        return planned.objective
    if said not in {None, STDIN}:
        objective = str(said)
    elif said == STDIN or not sys.stdin.isatty():
        objective = sys.stdin.read(OBJECTIVE_CHARS_MAX + 1)
    else:
        objective = ""
    if not objective.strip():
        raise InvalidInput(
            "No objective was given.", hint='Say one, as in: skep run "Audit this repository"'
        )
    return objective.strip()


def read_input(name: str) -> str:
    """Read a text file that a user names. Raises `InvalidInput` when that cannot be done."""
    path = Path(name)
    try:
        if path.stat().st_size > BLOB_BYTES_MAX:
            raise InvalidInput(f"{name} is larger than {BLOB_BYTES_MAX // 2**20} MiB.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is no text in UTF-8.") from error


def read_workspace(name: str) -> str:
    """Find the folder that the swarm is to work in. Raises `InvalidInput` when it is none."""
    path = Path(name).expanduser()
    if not path.is_dir():
        raise InvalidInput(f"There is no folder {name}.", hint="Say one with --workspace DIR.")
    return str(path.resolve())


def _needs_model(planned: PlanFile | None) -> bool:
    return planned is None or any(task.kind is AgentKind.LLM for task in planned.tasks)


def _mapping(value: object) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise PlanRefused("The plan is no mapping.", hint="It looks like {tasks: [{key, agent}]}.")
    fields = cast("dict[str, Json]", value)
    unknown = sorted(str(field) for field in fields if field not in PLAN_FIELDS)
    if unknown:
        raise PlanRefused(f"The plan has an unknown field {unknown[0]!r}.")
    return fields


def _given(task: TaskSpec, given: str | None) -> TaskSpec:
    return task if given is None or task.input is not None else replace(task, input=given)


def _check_model(model: str, settings: Settings, *, is_asked_here: bool) -> None:
    """Refuse a model that could not be used, before anybody is asked to confirm its cost."""
    if model != OFFLINE:
        from skep.agent.models import Models  # costs a second, which offline does not pay

        models = Models(environment=settings.environment, own={})
        for each in settings.models_of(model):
            models.check(each, is_asked_here=is_asked_here)
