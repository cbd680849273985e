"""The memory store: all ports over one desk."""

from collections.abc import Sequence
from typing import Self

from skep.drivers.memory.approvals import MemoryApprovals, every_approval
from skep.drivers.memory.census import MemoryCensus, every_hosting, every_node
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.directory import MemoryDirectory
from skep.drivers.memory.disputes import MemoryDisputes
from skep.drivers.memory.gates import MemoryGates, every_gate
from skep.drivers.memory.journal import MemoryJournal
from skep.drivers.memory.leases import MemoryLeases
from skep.drivers.memory.mailbox import MemoryMailbox, every_message
from skep.drivers.memory.placing import MemoryPlacing, choices, open_swarms
from skep.drivers.memory.pools import MemoryPools, every_pool
from skep.drivers.memory.reading import MemoryBlobs, MemoryLog, MemoryRegistry
from skep.drivers.memory.retention import MemoryRetention, contents
from skep.drivers.memory.states import MemoryStates
from skep.drivers.memory.terms import MemoryTerms, every_duty
from skep.drivers.memory.work import MemoryWork
from skep.ports.inspection import Dump, Edge
from skep.ports.store import Durability
from skep.ports.system import Chance, Clock
from skep.records.ids import TaskRef


class MemoryStore:
    """A store that lives as long as its process."""

    durability = Durability.MEMORY

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._desk = Desk(clock, chance)
        self.work = MemoryWork(self._desk)
        self.leases = MemoryLeases(self._desk)
        self.journal = MemoryJournal(self._desk)
        self.approvals = MemoryApprovals(self._desk)
        self.log = MemoryLog(self._desk)
        self.registry = MemoryRegistry(self._desk)
        self.blobs = MemoryBlobs(self._desk)
        self.retention = MemoryRetention(self._desk)
        self.gates = MemoryGates(self._desk)
        self.mailbox = MemoryMailbox(self._desk)
        self.terms = MemoryTerms(self._desk)
        self.census = MemoryCensus(self._desk)
        self.placing = MemoryPlacing(self._desk)
        self.pools = MemoryPools(self._desk)
        self.states = MemoryStates(self._desk)
        self.disputes = MemoryDisputes(self._desk)
        self.directory = MemoryDirectory(self._desk)

    @property
    def incarnation(self) -> str:
        """Which life of the store this is."""
        return self._desk.tables.incarnation

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    async def dump(self) -> Dump:
        """See `ports.inspection.Inspectable.dump`."""
        with self._desk.look() as tables:
            swarms = [tables.swarms[swarm] for swarm in sorted(tables.swarms)]
            rows = [row for swarm in swarms for row in swarm.tasks.values()]
            edges = [
                Edge(swarm=row.ref.swarm, up=row.ref.key, down=down, met=met)
                for row in rows
                for down, met in sorted(row.downs.items())
            ]
            lines = [tables.journal[line] for line in sorted(tables.journal)]
            return Dump(
                incarnation=tables.incarnation,
                swarms=[swarm.seen() for swarm in swarms],
                tasks=[row.seen() for row in rows],
                held={row.ref: tables.held(row) for row in rows},
                edges=edges,
                seats=tables.rings(),
                steps=[step for line in lines for step in line.values()],
                events=[event for swarm in swarms for event in swarm.events],
                drains=sorted(tables.drains),
                approvals=every_approval(tables),
                contents=contents(tables),
                gates=every_gate(tables),
                told=[told for swarm in swarms for told in swarm.told],
                messages=every_message(tables),
                leadership=tables.leadership,
                duties=every_duty(tables),
                nodes=every_node(tables),
                hostings=every_hosting(tables),
                open_swarms=open_swarms(tables),
                choices=choices(tables),
                pools=every_pool(tables),
                cases=list(reversed(tables.cases.values())),
            )

    async def forget_tasks(self, refs: Sequence[TaskRef]) -> None:
        """See `ports.inspection.Inspectable.forget_tasks`."""
        with self._desk.change() as changes:
            for ref in refs:
                del changes.tables.swarms[ref.swarm].tasks[ref.key]

    async def forget_queues(self) -> None:
        """See `ports.inspection.Inspectable.forget_queues`."""
        with self._desk.change() as changes:
            changes.tables.lanes.clear()
            for swarm in changes.tables.swarms.values():
                swarm.lanes.clear()
