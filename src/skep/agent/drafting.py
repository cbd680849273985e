"""Roles that draft: what their model hands in is a plan, which joins the swarm as a spawn.

The draft is asked for in the loop like any other result, so each request of it is a step of the
journal, and the same checks refuse it that refuse a plan of a user. What is wrong with it goes
back to the model in words. A takeover finds the recorded draft and spawns it under the same
command: it is neither paid nor added twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from pydantic_ai.messages import ToolCallPart
from typing_extensions import override

from skep.agent.brief import Brief
from skep.agent.returns import REPAIRS_MAX, Returns
from skep.agent.spawning import add_all, light, spawn_of
from skep.policy.drafting import (
    ASSUMPTIONS,
    DRAFT_DEPTH_MAX,
    DRAFT_TASKS_MAX,
    PLAN_PIECE,
    drafted,
    faults_of_draft,
    form_of_draft,
    on_offer,
)
from skep.records.codec import spec_json
from skep.records.errors import PlanNotDrafted
from skep.records.role import Charter, Role
from skep.records.step import Effect
from skep.records.task import TaskSpec
from skep.records.values import Json, canonical

INSTRUCTIONS: Final = "instructions"
GIVEN: Final = "given"


async def returns_of(brief: Brief, charter: Charter, role: Role) -> Returns:
    """Say what a role is to return: a text, a value of its form, or a plan."""
    if not role.drafts:
        return Returns(role.output)

    async def present() -> Json:
        tasks = await brief.store.registry.tasks(brief.grant.token.swarm)
        return [task.ref.key for task in tasks]

    # In a step, because a takeover meets the tasks that this run has spawned.
    taken = await brief.journal.step("draft/taken", None, present, effect=Effect.PURE)
    return PlanReturns(brief, on_offer(charter.roles), taken=cast("Sequence[str]", taken))


class PlanReturns(Returns):
    """A plan is to be returned, for roles on offer and within the limits of a draft."""

    def __init__(self, brief: Brief, roles: Sequence[Role], *, taken: Sequence[str]) -> None:
        super().__init__(form_of_draft(roles))
        self._brief = brief
        self._roles = roles
        self._taken = taken

    @property
    @override
    def words(self) -> Sequence[str]:
        """Whom the plan may name, and how large it may be."""
        offered = "\n".join(_offered(role) for role in self._roles)
        return [
            f"Agents on offer:\n{offered}",
            _BOUNDS,
        ]

    @override
    def misfits(self, call: ToolCallPart) -> Sequence[str]:
        """Say what is wrong with a draft; the words are for the model."""
        wrong = super().misfits(call)
        return wrong or faults_of_draft(self.value(call), taken=self._taken)

    @override
    def given_up(self, wrong: str) -> Exception:
        """Refuse to go on without a plan."""
        return PlanNotDrafted(
            "The model drafted no plan that can be worked on, after"
            f" {REPAIRS_MAX} repairs: {wrong.rstrip('.')}.",
            hint="Word the objective more narrowly, say a stronger model, write a plan yourself"
            " (--plan FILE), or take a template (--planner template).",
        )

    @override
    async def taken_in(self, value: Json) -> Json:
        """Add the drafted tasks to the swarm; gives what the plan's own task comes to."""
        plan = drafted(value)
        document: Json = {
            "objective": self._brief.request.objective,
            "tasks": [dict(spec_json(task)) for task in plan],
        }
        self.pieces[PLAN_PIECE] = ("application/json", canonical(document).encode())
        blobs = self._brief.store.blobs
        tasks = [await light(each, blobs) for each in _sent(plan, self._brief)]
        await add_all(self._brief.store, spawn_of(self._brief.grant.token, tasks, number=1))
        return {"text": _told(value, plan)}


_BOUNDS: Final = (
    f"Your plan has at most {DRAFT_TASKS_MAX} tasks, and at most {DRAFT_DEPTH_MAX} one after the"
    " other. Where it has several, one of them comes last, waits for the others and joins what"
    " they found."
)


def _sent(plan: Sequence[TaskSpec], brief: Brief) -> Sequence[TaskSpec]:
    """Fit drafted tasks into the swarm: the first of them wait for the task that drafted them.

    They go to its queue, have its time-out, and are handed what it was given.
    """
    own = brief.grant.spec
    return [
        replace(
            task,
            after=task.after or (own.key,),
            queue=own.queue,
            timeout_s=own.timeout_s,
            input=_handed(task.input, brief.input),
        )
        for task in plan
    ]


def _handed(instructions: Json, given: Json) -> Json:
    if given is None:
        return instructions
    fields: Mapping[str, Json] = given if isinstance(given, dict) else {GIVEN: given}
    return {**fields, INSTRUCTIONS: instructions}


def _offered(role: Role) -> str:
    parts = [f"- {role.name} ({role.tier}): {role.description}"]
    if role.capabilities:
        parts.append(f"Good for: {', '.join(role.capabilities)}.")
    parts.append(f"Tools: {', '.join(role.tools) or 'none'}.")
    return " ".join(parts)


def _told(draft: Json, plan: Sequence[TaskSpec]) -> str:
    assumed = str(cast("Mapping[str, Json]", draft).get(ASSUMPTIONS) or "").strip()
    rows = [f"- {task.key} ({task.agent}): {task.title}" for task in plan]
    said = [f"Assumptions: {assumed}"] if assumed else []
    return "\n\n".join([*said, "The plan:", "\n".join(rows)])
