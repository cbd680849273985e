"""The registry: a request and its plan become a swarm, with the charter it will live by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from skep.policy.plans import body_of
from skep.ports.store import Store
from skep.ports.system import Chance
from skep.records.codec import charter_bytes
from skep.records.command import Submission
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.limits import BLOB_BYTES_MAX, VALUE_BYTES_MAX
from skep.records.role import Charter
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import AgentKind, TaskSpec
from skep.records.values import BlobRef, canonical, digest_of

DrawCharter = Callable[[str, Sequence[str]], Charter]
"""Draws the charter for a model and the names of the roles that a plan uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmRegistry:
    """Registers swarms. `draw_charter` is called only for plans that have LLM agents."""

    store: Store
    chance: Chance
    draw_charter: DrawCharter

    async def register(
        self,
        request: SwarmRequest,
        plan: Plan,
        *,
        swarm: str | None = None,
    ) -> SwarmId:
        """Store a swarm with its whole plan, and give its id.

        Registering the same `swarm` again with the same body gives the first one. Raises
        `PlanRefused` and its kinds, `CommandConflict`, `AgentUnknown` or a `ModelError`; then
        nothing was stored but perhaps blobs that nothing refers to.
        """
        swarm = SwarmId(swarm or self.chance.uuid())
        digest = digest_of(body_of(plan.tasks, request, sealed=plan.sealed))
        stored = Submission(
            command=f"submit/{swarm}",
            digest=digest,
            swarm=swarm,
            request=await self._with_charter(request, plan),
            plan=replace(plan, tasks=tuple([await self._light(task) for task in plan.tasks])),
        )
        (answer,) = await self.store.work.submit([stored])
        if isinstance(answer, SkepError):
            raise answer
        return answer.swarm

    async def _with_charter(self, request: SwarmRequest, plan: Plan) -> SwarmRequest:
        roles = sorted({task.agent for task in plan.tasks if task.kind is AgentKind.LLM})
        if not roles or request.model is None:
            return request
        charter = self.draw_charter(request.model, roles)
        (digest,) = await self.store.blobs.put([charter_bytes(charter)])
        return replace(request, charter=digest)

    async def _light(self, task: TaskSpec) -> TaskSpec:
        """Put an input that is too large for its record into a blob."""
        content = canonical(task.input).encode()
        if not VALUE_BYTES_MAX < len(content) <= BLOB_BYTES_MAX:
            return task
        (digest,) = await self.store.blobs.put([content])
        return replace(task, input=BlobRef(digest=digest, size_bytes=len(content)).as_json())
