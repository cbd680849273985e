"""The preview: a plan is drafted by a model here and now, and nothing of it is run or kept.

The planner's task is submitted to a store in memory and attempted once, as any worker would. It
is never settled, so what it spawned begins nowhere; its artefact is the plan.
"""

from collections.abc import Awaitable, Callable
from typing import Final, cast

from skep.hive.fleet import Fleet
from skep.hive.planner import Planner
from skep.policy.drafting import PLAN_PIECE
from skep.records.codec import spec_of
from skep.records.errors import PlanNotDrafted
from skep.records.ids import WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Failed, Outcome, Succeeded, reason_of
from skep.records.swarm import Plan
from skep.records.values import Json, parsed

PREVIEW_S: Final = 3_600.0
"""How long drafting a plan in the foreground may take."""


async def preview(
    fleet: Fleet,
    attempt: Callable[[Grant], Awaitable[Outcome]],
    objective: str,
    *,
    model: str,
    workspace: str,
    given: Json = None,
) -> Plan:
    """Draft the plan for an objective on a fleet that is used for nothing else.

    Raises `PlanNotDrafted` with the reason, or what a submission is refused for.
    """
    await fleet.submit(objective, Planner.MODEL, model=model, workspace=workspace, given=given)
    offer = Offer(worker=WorkerId("preview"), lease_s=PREVIEW_S)
    (grant,) = await fleet.store.work.claim(offer, limit=1)
    outcome = await attempt(grant)
    if not isinstance(outcome, Succeeded):
        raise PlanNotDrafted(_why(outcome))
    (piece,) = [each for each in outcome.artifacts if each.name == PLAN_PIECE]
    document = parsed((await fleet.store.blobs.get(piece.digest)).decode())
    tasks = cast("dict[str, list[Json]]", document)["tasks"]
    return Plan(tasks=tuple(map(spec_of, tasks)))


def _why(outcome: Outcome) -> str:
    """Say why there is no plan; a refused draft says it all by itself."""
    said = reason_of(outcome)
    if isinstance(outcome, Failed) and outcome.failure.code == PlanNotDrafted.code:
        return said
    return f"No plan was drafted: {said}"
