"""A world of nodes that campaign, in which everything that can go wrong does, drawn from a seed.

Each node has a clock of its own that goes too fast or too slow; requests and answers get lost or
late; nodes are stopped, cut off, killed and started again; a leader writes long after it looked
whether it leads; and in rough seeds the store's clock is set, and the store forgets everything.
After each step the world holds what was accepted against what it wrote down itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, TypeVar

from typing_extensions import override

from skep.drivers.memory import MemoryStore
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.terms import MemoryTerms
from skep.hive.election import Elector
from skep.ports.terms import Terms
from skep.records.errors import StaleTerm, StoreUnavailable
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock

LEASE_S: Final = 10.0
RATES: Final = (0.8, 1.25)
"""How slow and how fast a node's clock may go: within what the margin of a leader covers."""

Answer = TypeVar("Answer")


class Broken(AssertionError):
    """Something was accepted that may not be, or nobody came to lead."""


@dataclass
class NodeClock:
    """A node's own clock."""

    world: ManualClock
    rate: float

    def now(self) -> float:
        """The time of day, which nobody here asks for."""
        return self.monotonic()

    def monotonic(self) -> float:
        """Seconds as they pass for this node."""
        return self.world.monotonic() * self.rate

    async def sleep(self, seconds: float) -> None:
        """Nobody rests here; the world says who ticks when."""
        raise AssertionError(seconds)


@dataclass
class Node:
    """One process of the fleet; `life` tells it from those that had its name before."""

    name: WorkerId
    life: int
    elector: Elector
    stopped: bool = False
    cut_off: bool = False
    meant: list[Mandate] = field(default_factory=list[Mandate])
    """What it looked at when it decided to write; it writes some time later."""


@dataclass(frozen=True, kw_only=True)
class Make:
    """What the world is made of; a test puts something broken in."""

    terms: Callable[[Desk], MemoryTerms] = MemoryTerms
    elector: type[Elector] = Elector


class World:
    """A store, some nodes, and the ledger of what was accepted."""

    def __init__(self, seed: int, *, make: Make, is_rough: bool) -> None:
        self.chance = Random(seed)
        self.is_rough = is_rough
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock, SeededChance(seed))
        self.terms: Terms = make.terms(self.store._desk)  # pyright: ignore[reportPrivateUsage] - its own
        self.make = make
        self.is_healed = False
        self.lives = 0
        self.highest = 0
        self.opened: dict[int, int] = {}
        self.accepted: dict[int, set[int]] = {}
        self.stale_tries = 0
        self.nodes = [self.born(WorkerId(name)) for name in ("ann", "bob", "cyd")]

    def born(self, name: WorkerId) -> Node:
        """Start a node."""
        self.lives += 1
        line = Line(self, self.lives)
        clock = NodeClock(self.clock, self.chance.uniform(*RATES))
        chance = SeededChance(self.lives)
        elector = self.make.elector(line, clock, chance, node=name, lease_s=LEASE_S)
        return Node(name=name, life=self.lives, elector=elector)

    async def run(self, steps: int) -> None:
        """Go on for so many steps, then heal everything and wait for a leader."""
        for _ in range(steps):
            await self.step()
            self.check_believers()
        await self.heal()

    async def step(self) -> None:
        """Do one thing."""
        node = self.chance.choice(self.nodes)
        what = self.chance.choices(
            ("pass", "tick", "mean", "write", "stop", "cut", "kill", "resign", "rough"),
            (30, 40, 20, 20, 5, 5, 2, 2, 3),
        )[0]
        match what:
            case "pass":
                self.clock.advance(self.chance.choice([0.1, 1.0, 3.0, 12.0]))
            case "stop":
                node.stopped = not node.stopped
            case "cut":
                node.cut_off = not node.cut_off
            case "kill":
                self.nodes[self.nodes.index(node)] = self.born(node.name)
            case "rough":
                self.roughen()
            case _ if not node.stopped:
                await self.act(node, what)
            case _:
                pass

    async def act(self, node: Node, what: str) -> None:
        """Let a node do something."""
        match what:
            case "tick":
                await node.elector.tick()
            case "mean":
                if (mandate := node.elector.mandate) is not None:
                    node.meant.append(mandate)
            case "resign" if not node.cut_off:
                await node.elector.resign()
            case "write" if node.meant:
                await self.write(node, node.meant.pop(0))
            case _:
                pass

    def roughen(self) -> None:
        """Set the store's clock, or have the store forget its elections, in a rough world."""
        if not self.is_rough:
            return
        if self.chance.random() < 0.7:
            self.clock.turn(self.chance.choice([-3600.0, -7.0, 7.0, 3600.0]))
            return
        tables = self.store._desk.tables  # pyright: ignore[reportPrivateUsage] - as a flush does
        tables.leadership, tables.incarnation = None, f"{tables.incarnation}+"
        tables.duties.clear()
        self.highest = 0

    async def write(self, node: Node, mandate: Mandate) -> bool:
        """Write as the leader, and hold it against the ledger when it is accepted."""
        current = self.store.incarnation
        is_stale = mandate.incarnation != current or mandate.term < self.highest
        self.stale_tries += is_stale
        run = DutyRun(duty="d", node=node.name, term=mandate.term)
        try:
            await self.terms.note(mandate, run)
        except StaleTerm:
            node.elector.depose(mandate)
            return False
        if is_stale:
            raise Broken(f"life {node.life} wrote under {mandate}, in term {self.highest}")
        lives = self.accepted.setdefault(mandate.term, set())
        lives.add(node.life)
        if lives != {self.opened.get(mandate.term)}:
            raise Broken(f"in term {mandate.term} of {self.opened} the lives {lives} wrote")
        return True

    def heard_of(self, won: Leadership, life: int) -> None:
        """Write down an election, as the store carried it out."""
        if won.term <= self.highest:
            raise Broken(f"term {won.term} was opened after {self.highest}")
        self.highest = won.term
        self.opened[won.term] = life
        self.accepted.pop(won.term, None)

    def check_believers(self) -> None:
        """See that two nodes never believe at once that they lead, where no clock was set."""
        lives = [node.life for node in self.nodes if node.elector.is_leader]
        if not self.is_rough and len(lives) > 1:
            raise Broken(f"the lives {lives} believe that they lead")

    async def heal(self) -> None:
        """End all faults; within two leases somebody leads, and can write."""
        self.is_healed = True
        for node in self.nodes:
            node.stopped = node.cut_off = False
        for _ in range(30 if self.is_rough else 20):
            self.clock.advance(LEASE_S / 10)
            for node in self.nodes:
                await node.elector.tick()
        leaders = [node for node in self.nodes if node.elector.is_leader]
        if len(leaders) != 1 or (mandate := leaders[0].elector.mandate) is None:
            raise Broken(f"two leases after all faults {len(leaders)} nodes lead")
        if not await self.write(leaders[0], mandate):
            raise Broken("the leader cannot write")


class Line:
    """A node's way to the store, on which requests and answers are lost or late."""

    def __init__(self, world: World, life: int) -> None:
        self._world = world
        self._life = life

    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """Campaign, if the request gets through."""
        self._leave()
        before = await self._world.terms.read()
        stands = await self._world.terms.campaign(node, lease_s=lease_s, seen=seen)
        if before is None or stands.since != before.since or stands.mandate != before.mandate:
            self._world.heard_of(stands, self._life)
        return self._arrive(stands)

    async def renew(self, mandate: Mandate, *, lease_s: float) -> Leadership:
        """Renew, if the request gets through."""
        self._leave()
        return self._arrive(await self._world.terms.renew(mandate, lease_s=lease_s))

    async def resign(self, mandate: Mandate) -> bool:
        """Resign."""
        return await self._world.terms.resign(mandate)

    async def note(self, mandate: Mandate, run: DutyRun) -> None:
        """Nobody keeps duties by this way."""
        raise AssertionError(mandate, run)

    async def read(self) -> Leadership | None:
        """Nobody reads by this way."""
        raise AssertionError

    async def duties(self) -> Sequence[DutyRun]:
        """Nobody reads by this way."""
        raise AssertionError

    def _leave(self) -> None:
        if not self._world.is_healed and (self._is_cut_off or self._world.chance.random() < 0.1):
            raise StoreUnavailable

    def _arrive(self, answer: Answer) -> Answer:
        chance = self._world.chance
        if self._world.is_healed:
            return answer
        if chance.random() < 0.2:
            self._world.clock.advance(chance.uniform(0.0, 0.6) * LEASE_S)
        if chance.random() < 0.1:
            raise StoreUnavailable
        return answer

    @property
    def _is_cut_off(self) -> bool:
        return any(node.cut_off for node in self._world.nodes if node.life == self._life)


# --- what may be broken, so that the world can be seen to notice it ------------------------------


class Unchecked(MemoryTerms):
    """Elections whose writes are compared with nothing."""

    @override
    async def note(self, mandate: Mandate, run: DutyRun) -> None:
        """Accept whatever comes."""


class Repeated(MemoryTerms):
    """Elections in which a term may come again."""

    @override
    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """Open the term that was."""
        was = await self.read()
        stands = await super().campaign(node, lease_s=lease_s, seen=seen)
        if was is not None and stands.term != was.term:
            stands = replace(stands, term=was.term)
            self._desk.tables.leadership = stands
        return stands


class Unheard(MemoryTerms):
    """Elections that take no resignation and no end of a lease for one."""

    @override
    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """Let the first leader lead for ever."""
        was = await self.read()
        return was or await super().campaign(node, lease_s=lease_s, seen=seen)


class Believer(Elector):
    """A leader that believes in its lease until somebody tells it otherwise."""

    @property
    @override
    def mandate(self) -> Mandate | None:
        """What it was given once."""
        return self._tenure.mandate if self._tenure is not None else None


class LateCounter(Elector):
    """A leader that counts its lease from the answer on."""

    @override
    async def tick(self) -> bool:
        """Put the moment of the answer in the place of that of the question."""
        await super().tick()
        if self._tenure is not None and self._tenure != self._counted:
            self._tenure = replace(self._tenure, asked_at=self._clock.monotonic())
            self._counted = self._tenure
        return self.is_leader

    _counted: object = None


class Forgetful(Elector):
    """A node that takes a refusal for a lost answer, and goes on."""

    @override
    def depose(self, mandate: Mandate) -> None:
        """Hear nothing."""

    @override
    async def tick(self) -> bool:
        """Go on as before whatever is answered."""
        tenure = self._tenure
        await super().tick()
        if self._tenure is None and tenure is not None:
            self._tenure = replace(tenure, asked_at=self._clock.monotonic())
        return self.is_leader
