"""The calls of the multi-swarm coordination system (seed 002), over the ports of the engine.

What it promises and the seed did not: a task that is distributed really runs, in one swarm; a
message that was sent is kept until it is acknowledged; what is allocated never exceeds its pool;
and nothing here needs a leader. Where the calls differ from the seed's, and why: docs/adr/0036.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from typing_extensions import Unpack

from skep.hive.configuration import Asked, described, priority_of, spec_of
from skep.hive.handle import SwarmHandle
from skep.hive.messenger import Broadcast, SwarmMessenger
from skep.hive.opening import Opened
from skep.hive.placing import distribute
from skep.hive.registry import Meant, SwarmPage
from skep.hive.seat import SwarmSeat
from skep.hive.state import SwarmState
from skep.hive.statistics import FleetStatistics, gathered
from skep.records.capture import Capture
from skep.records.errors import InvalidInput, SkepError
from skep.records.ids import SwarmId
from skep.records.message import Address, MessageId, MessageType
from skep.records.placement import Distribution, Placed, Placement
from skep.records.pool import Allocation, Pool, PoolState, Requisition
from skep.records.recovering import Recovered
from skep.records.swarm import Plan, Swarm, SwarmStatus
from skep.records.task import NORMAL_PRIORITY, TaskSpec
from skep.records.values import Json

INTERRUPTED_PAGE = 200


class Created(NamedTuple):
    """A swarm that was created, and its seat in the fleet."""

    swarm: SwarmHandle
    coordinator: SwarmSeat


class Coordination(Opened):
    """The calls of the seed, in the words of Python."""

    @abstractmethod
    def swarm(self, swarm: str) -> SwarmHandle:
        """Take hold of a swarm by its id; that it exists shows at the first question."""

    async def create_swarm(
        self,
        objective: str,
        *,
        team: Sequence[str] = (),
        swarm: str | None = None,
        **asked: Unpack[Asked],
    ) -> Created:
        """Register a swarm whose plan is open: a standing team, which works on what it is given.

        `metadata` may say its `phase`, its `priority` (low, normal, high, critical) and its
        `capabilities`, as in the seed; `team` names the roles of language models in it, which need
        a `model`. This process is its host: when it is lost, another one adopts the swarm.

        Raises what `submit` raises.
        """
        request = described(objective, **asked)
        plan = Plan(tasks=(), sealed=False)
        made = await self.registry.register(request, plan, swarm=swarm, team=team)
        node = self.parts.node
        if node is not None:
            (hosted,) = await self.store.census.host([made], node)
            if isinstance(hosted, SkepError):
                raise hosted
        return Created(self.swarm(made), self.get_coordinator(made))

    def get_coordinator(self, swarm: str) -> SwarmSeat:
        """The seat of a swarm in this process, one for each swarm."""
        found = self.seats.get(swarm)
        if found is None:
            found = self.seats[swarm] = SwarmSeat(
                swarm=SwarmId(swarm),
                disputes=self.store.disputes,
                chance=self.registry.chance,
                messenger=self.messenger(swarm),
                leads=lambda: self.is_leader,
            )
        return found

    def get_messenger(self, swarm: str) -> SwarmMessenger:
        """The messenger of a swarm in this process, one for each swarm, with its handlers."""
        return self.get_coordinator(swarm).messenger

    def messenger(self, swarm: str, *, agent: str = "") -> SwarmMessenger:
        """Take hold of the mail of a swarm, or of one agent in it; nothing is read before it asks.

        Each call gives a messenger of its own, with handlers of its own; have one for each address.
        """
        postman = self.parts.postman
        assert postman is not None, "who opens a fleet gives it a postman"
        address = Address(swarm=SwarmId(swarm), agent=agent)
        return SwarmMessenger(address, self.store, chance=self.registry.chance, postman=postman)

    async def get_swarm(self, swarm: str) -> Swarm:
        """Read a swarm. Raises `SwarmNotFound`."""
        return await self.store.registry.swarm(SwarmId(swarm))

    async def get_swarms(
        self, *, limit: int = 50, cursor: str | None = None, **meant: Unpack[Meant]
    ) -> SwarmPage:
        """Find swarms by status, strategy, phase and mode, youngest first, a page at a time."""
        return await self.registry.get_swarms(limit=limit, cursor=cursor, **meant)

    async def deregister_swarm(self, swarm: str, outcome: str = "completed") -> SwarmStatus:
        """Have done with a swarm; see `SwarmRegistry.deregister`. Raises `SwarmNotFound`."""
        return await self.registry.deregister(swarm, outcome)

    async def send_message(self, sender: str, to: str, message: Mapping[str, object]) -> MessageId:
        """Send `{"type": …, "data": …}` from one swarm to another, or to `swarm/agent`.

        Raises what `SwarmMessenger.send` does.
        """
        return await self.get_messenger(sender).send(to, *_letter(message))

    async def broadcast(self, sender: str, message: Mapping[str, object]) -> Broadcast:
        """Send `{"type": …, "data": …}` to every live swarm but the sender."""
        return await self.get_messenger(sender).broadcast(*_letter(message))

    async def distribute_task(
        self,
        by: str,
        task: TaskSpec | Mapping[str, object],
        *,
        strategy: Placement | str | None = None,
        command: str | None = None,
    ) -> Placed:
        """Have the open swarm that fits best do a task, by the strategy of the seat of `by`.

        A task in words has a `description`, and may have a `priority`, `capabilities`, which a
        swarm must have declared when it is placed by `capability`, and the `agent` that does it
        (the only function agent of this process, or else a researcher, where it names none);
        whatever else it says is its agent's input. Any process may call this. The same `command`
        again places nothing twice. The swarm that was chosen gets a `task_assignment`.

        Raises `NoSwarmFits`, `PlanRefused` and its kinds, `CommandConflict`, or `InvalidInput`.
        """
        named = command or self.registry.chance.uuid()
        spec, needs = self._meant(task, named=named)
        rule = strategy or self.get_coordinator(by).config.task_distribution_strategy
        asked = Distribution(
            command=named, task=spec, placement=Placement(rule), needs=frozenset(needs), by=by
        )
        placed = await distribute(self.store, asked)
        await self._announce(by, placed, spec)
        return placed

    async def declare_resource(
        self, name: str, capacity: int, *, unit: str = "", is_shared: bool = True
    ) -> PoolState:
        """Say how much there is of a resource for all swarms together, or how much now.

        Raises `InvalidInput`, `LimitExceeded` or `PoolInUse`.
        """
        pool = Pool(name=name, capacity=capacity, unit=unit, is_shared=is_shared)
        (answer,) = await self.store.pools.declare([pool])
        if isinstance(answer, SkepError):
            raise answer
        return answer

    async def allocate_resource(
        self,
        swarm: str,
        resource: str,
        amount: int,
        *,
        priority: int | str = NORMAL_PRIORITY,
        patience_s: float = 0.0,
        id: str | None = None,  # noqa: A002 - the word for it
    ) -> Allocation:
        """Let a swarm have so much of a resource: `held`, or `queued` until it is its turn.

        It has it until it is released, or the swarm ends. Waits up to `patience_s`; `id` makes the
        call safe to repeat. Raises `PoolNotFound`, `OverCapacity`, `SwarmNotFound`, `SwarmClosed`,
        `CommandConflict`, `InvalidInput` or `LimitExceeded`.
        """
        asked = Requisition(
            id=id or self.registry.chance.uuid(),
            pool=resource,
            amount=amount,
            swarm=SwarmId(swarm),
            priority=priority_of(priority),
        )
        (answer,) = await self.store.pools.allocate([asked], patience_s=patience_s)
        if isinstance(answer, SkepError):
            raise answer
        return answer

    async def release_resource(self, swarm: str, resource: str) -> int:
        """Give back all that a swarm, and no task of it, holds of a resource or waits for.

        Returns how much was given back.
        """
        own = [
            part
            for state in await self.store.pools.read()
            for part in (*state.held, *state.queued)
            if part.pool == resource and part.swarm == swarm and part.task is None
        ]
        gone = await self.store.pools.release([part.id for part in own])
        return sum(part.amount for part, is_gone in zip(own, gone, strict=True) if is_gone)

    async def create_snapshot(self, swarm: str, label: str = "") -> Capture:
        """Write a swarm down as it is now; raises `SwarmNotFound` or `LimitExceeded`."""
        return await self.state.create_snapshot(swarm, label)

    async def create_checkpoint(self, swarm: str, label: str = "") -> Capture:
        """Write a swarm down as a point that recovery tries first; raises as `create_snapshot`."""
        return await self.state.create_checkpoint(swarm, label)

    async def discover_interrupted_swarms(self) -> Sequence[Swarm]:
        """Call the roll, and read every swarm that is interrupted."""
        while (await self.store.census.sweep()).swarms:
            pass
        found, cursor = list[Swarm](), None
        while True:
            page = await self.registry.get_swarms(
                status=SwarmStatus.INTERRUPTED, limit=INTERRUPTED_PAGE, cursor=cursor
            )
            found.extend(page.swarms)
            cursor = page.cursor
            if cursor is None:
                return found

    async def recover_swarm(self, swarm: str) -> Recovered:
        """Recover a swarm from the best that there is of it; see `Recovery.recover`."""
        return await self.state.recover(swarm)

    async def get_statistics(self) -> FleetStatistics:
        """Read what the fleet comes to, by the schema of docs/fleet.md."""
        return await gathered(self.parts, self.state, self.seats.values())

    @property
    def state(self) -> SwarmState:
        """The state of the fleet's swarms: captures, and what is made of them."""
        return SwarmState(store=self.store, clock=self.parts.clock, chance=self.registry.chance)

    def _meant(
        self, task: TaskSpec | Mapping[str, object], *, named: str
    ) -> tuple[TaskSpec, Sequence[str]]:
        if isinstance(task, TaskSpec):
            return task, sorted(task.capabilities)
        if self.parts.choose is None:
            raise InvalidInput("This fleet knows no agents.", hint="Give a TaskSpec.")
        return spec_of(task, named=named, choose=self.parts.choose)

    async def _announce(self, by: str, placed: Placed, spec: TaskSpec) -> None:
        """Tell the chosen swarm: a courtesy, for the task is in its plan already."""
        told: dict[str, Json] = {
            "task": {"key": spec.key, "description": spec.title, "priority": spec.priority},
            "swarm": placed.ref.swarm,
            "reason": placed.choice.reason,
        }
        name = f"{placed.ref}/assigned"
        with suppress(SkepError):
            to, kind = placed.ref.swarm, MessageType.TASK_ASSIGNMENT
            await self.get_messenger(by).send(to, kind, told, id=name)


def _letter(message: Mapping[str, object]) -> tuple[str, Json]:
    kind = message.get("type")
    if not isinstance(kind, str) or not kind:
        raise InvalidInput("A message has a type.", hint='Say {"type": "…", "data": …}.')
    return kind, cast("Json", message.get("data"))
