"""One LLM task on the memory driver, attempted with a model that a stub server plays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.providers.stub import Stub

from skep.agent.asking import Asker
from skep.agent.attempt import Bench, attempt
from skep.agent.catalog import Catalog
from skep.agent.charter import draw_charter
from skep.agent.hints import Listener
from skep.agent.loop import LoopPerformer
from skep.agent.models import Models
from skep.drivers.memory import MemoryStore
from skep.drivers.web import HttpWeb
from skep.ports.web import Patience
from skep.records.codec import charter_bytes
from skep.records.command import Submission
from skep.records.ids import SwarmId, TaskKey, WorkerId
from skep.records.lease import Grant, Offer
from skep.records.outcome import Outcome, Settlement
from skep.records.role import Role
from skep.records.step import Step
from skep.records.swarm import Plan, SwarmRequest
from skep.records.task import AgentKind, RetryPolicy, TaskSpec
from skep.records.values import Json, parsed
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock

TOOLS = ("inventory", "todos", "read_file")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked of a desk; `given` is the task's input, `form` that of the role's result."""

    model: str
    streams: bool = True
    patience: Patience = field(default_factory=Patience)
    form: Mapping[str, Json] | None = None
    given: Json = None
    listener: Listener | None = None
    without_keys: bool = False


class Desk:
    """One task, its store and its clock."""

    def __init__(self, asker: Asker, *, listener: Listener | None = None) -> None:
        self.clock = ManualClock()
        self.chance = SeededChance(5)
        self.store = MemoryStore(self.clock, self.chance)
        self.asker = asker
        self.listener = listener
        self._grant: Grant | None = None

    @classmethod
    async def open(
        cls,
        stub: Stub,
        web: HttpWeb,
        *,
        workspace: Path,
        wish: Wish,
    ) -> Self:
        """Submit one task for the bee, whose model is a provider's; `stub` plays it."""
        environment = {
            name: text
            for name, text in stub.environment.items()
            if not (wish.without_keys and name.endswith("_KEY"))
        }
        models = Models(environment=environment, own={}, client=web.client)
        asker = Asker(model_of=models.open, is_provided=models.is_provided, streams=wish.streams)
        desk = cls(asker, listener=wish.listener)
        bee = Role(
            name="bee", description="", instructions="You gather.", tools=TOOLS, output=wish.form
        )
        charter = draw_charter(wish.model, ["bee"], catalog=Catalog(roles={"bee": bee}))
        (digest,) = await desk.store.blobs.put([charter_bytes(charter)])
        request = SwarmRequest(
            objective="Gather", model=wish.model, workspace=str(workspace), charter=digest
        )
        spec = TaskSpec(
            key=TaskKey("t"), agent="bee", input=wish.given, retry=RetryPolicy(base_s=0.0)
        )
        submission = Submission(
            command="c", digest="d", swarm=SwarmId("s"), request=request, plan=Plan(tasks=(spec,))
        )
        await desk.store.work.submit([submission])
        return desk

    @property
    def now(self) -> float:
        """The time of day."""
        return self.clock.now()

    async def claim(self) -> Grant:
        """Take the task, from a dead attempt if there was one."""
        self.clock.advance(10)
        await self.store.leases.sweep()
        (grant,) = await self.store.work.claim(Offer(worker=WorkerId("w")), limit=1)
        return grant

    async def attempt(self) -> Outcome:
        """Make one attempt."""
        performers = {AgentKind.LLM: LoopPerformer(self.asker)}
        bench = Bench(
            store=self.store,
            clock=self.clock,
            chance=self.chance,
            performers=performers,
            listener=self.listener,
        )
        self._grant = await self.claim()
        return await attempt(self._grant, bench)

    async def settle(self, outcome: Outcome) -> None:
        """Store the outcome of the last attempt."""
        assert self._grant is not None
        await self.store.work.settle([Settlement(token=self._grant.token, outcome=outcome)])

    async def steps(self) -> Sequence[Step]:
        """The journal of the task's first run."""
        (task,) = await self.store.registry.tasks(SwarmId("s"))
        return await self.store.journal.read(task.ref, run=1)

    async def answer(self, key: str) -> Mapping[str, Any]:
        """The recorded value of one step."""
        (step,) = [step for step in await self.steps() if step.key == key]
        value = parsed(step.value or "null")
        assert isinstance(value, dict)
        return value
