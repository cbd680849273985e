"""What an open fleet is made of, and how it is opened and closed."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from skep.hive.configuration import Choose
from skep.hive.coordinator import SwarmCoordinator
from skep.hive.postman import Postman
from skep.hive.registry import SwarmRegistry
from skep.hive.seat import SwarmSeat
from skep.ports.store import Store
from skep.ports.system import Clock
from skep.records.errors import InvalidInput
from skep.records.node import NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a fleet is made of while it is open.

    A process that works is a `node` of the fleet and has a `coordinator`; one that only submits and
    looks has neither. `choose` finds agents for tasks that name none.
    """

    store: Store
    registry: SwarmRegistry
    clock: Clock
    postman: Postman | None = None
    coordinator: SwarmCoordinator | None = None
    node: NodeId | None = None
    choose: Choose | None = None


Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[Parts]]


class Opened:
    """Something that is open or not: by its parts from the start, or from `initialize` on.

    `seats` are those of the swarms that were asked for here, by their ids.
    """

    def __init__(self, parts: Parts | None = None, *, opening: Opening | None = None) -> None:
        self._parts = parts
        self._opening = opening
        self._stack: AsyncExitStack | None = None
        self.seats: dict[str, SwarmSeat] = {}

    @property
    def parts(self) -> Parts:
        """What it is made of. Raises `InvalidInput` while it is not open."""
        if self._parts is None:
            raise InvalidInput(
                "This fleet is not open.",
                hint="Say `async with skep.open(URL) as fleet`, or `await fleet.initialize()`.",
            )
        return self._parts

    @property
    def store(self) -> Store:
        """Where all of it stands."""
        return self.parts.store

    @property
    def registry(self) -> SwarmRegistry:
        """Where swarms are registered."""
        return self.parts.registry

    @property
    def is_leader(self) -> bool:
        """Whether this process leads the fleet, as far as it can know."""
        coordinator = self.parts.coordinator
        return coordinator is not None and coordinator.is_leader

    async def initialize(self) -> Self:
        """Open it, in the task that will close it; open already, it stays so.

        Raises `StoreUnavailable`, `StoreTooNew`, `StoreUnsafe`, or `InvalidInput` for the settings.
        """
        if self._parts is None and self._opening is not None:
            stack = AsyncExitStack()
            self._parts = await stack.enter_async_context(self._opening())
            self._stack = stack
        return self

    async def shutdown(self) -> None:
        """Hand back what runs here, hand a leadership over, and close; closed, it stays so."""
        stack, self._stack = self._stack, None
        if stack is not None:
            self._parts = None
            await stack.aclose()

    async def __aenter__(self) -> Self:
        return await self.initialize()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            self._parts = None
            await stack.__aexit__(kind, raised, trace)
