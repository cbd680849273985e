"""Reading what tasks came to, for all attempts that begin in one turn of the loop, by one call.

Attempts that were claimed together begin together, and those of one swarm often wait for the same
tasks: the ten in the middle of a plan read its first one ten times, each by a call of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skep.ports.store import Registry
from skep.ports.system import Clock
from skep.records.errors import SkepError
from skep.records.ids import TaskRef
from skep.records.task import Task


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Whose tasks, and where they go; None when they have to be read by themselves."""

    refs: Sequence[TaskRef]
    answer: asyncio.Future[Sequence[Task] | None]

    def give(self, found: Mapping[TaskRef, Task] | None) -> None:
        if not self.answer.done():
            self.answer.set_result(None if found is None else [found[ref] for ref in self.refs])


class Gathering:
    """Gathers reads of tasks; for one loop and one store."""

    def __init__(self) -> None:
        self._waiting: list[_Asked] = []

    async def read(
        self, registry: Registry, clock: Clock, refs: Sequence[TaskRef]
    ) -> Sequence[Task]:
        """Read tasks as `Registry.read` does, together with what others ask for in this turn.

        What goes wrong for the others is none of this caller's business: then it reads alone.
        """
        asked = _Asked(refs, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if len(self._waiting) == 1:
            await self._gather(registry, clock)
        found = await asked.answer
        return await registry.read(refs) if found is None else found

    async def _gather(self, registry: Registry, clock: Clock) -> None:
        batch, found = self._waiting, None
        try:
            await clock.sleep(0)  # let the others of this turn come in
            self._waiting = []
            refs = list(dict.fromkeys(ref for asked in batch for ref in asked.refs))
            found = dict(zip(refs, await registry.read(refs), strict=True))
        except SkepError:
            found = None
        finally:
            if self._waiting is batch:
                self._waiting = []
            for asked in batch:
                asked.give(found)
