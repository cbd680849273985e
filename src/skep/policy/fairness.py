"""Who is served next: fair virtual time within a ring, turns between rings.

Each lane (queue, kind, needs) has a ring of swarms that have ready tasks there. A swarm's seat
carries a virtual time that grows by `STRIDE / weight` with every task served, and the seat with
the least is served next (start-time fair queueing, Goyal, Vin and Cheng 1996). A swarm that
(re)enters starts at the lane's floor, the time of the last seat served, so it neither catches up
on the past nor waits for it. An offer that fits several lanes takes from each in turn. A large
claim is dealt by the quantum: a visit serves a few tasks, for what a claim costs goes by the swarms
that it touches (docs/adr/0024).

Times are integers, so that every driver, Lua included, computes the same.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skep.records.ids import SwarmId

STRIDE: Final = 1 << 20
WEIGHTS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""The weight of each priority from 0 to 9: normal (5) gets four times what 1 gets."""

VISITS: Final = 16
"""A claim for more than twice as many tasks is dealt in about so many visits, of a quantum each."""

QUANTUM_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A swarm in a ring: `ready` tasks there, `room` for that many more to run in the swarm."""

    swarm: SwarmId
    vt: int
    priority: int
    ready: int
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """The seats of one lane that may be served; `turn` says when the lane was served last."""

    lane: str
    floor: int
    turn: int
    seats: Sequence[Seat]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Who is served, in order, and what to store of it for the seats and lanes touched."""

    served: tuple[tuple[str, SwarmId], ...]
    vts: dict[tuple[str, SwarmId], int]
    floors: dict[str, int]
    turns: dict[str, int]


def stride_of(priority: int) -> int:
    """How far one served task moves a swarm's virtual time.

    >>> stride_of(0) // stride_of(9)
    32
    """
    return STRIDE // WEIGHTS[priority]


def entry_vt(*, own: int, floor: int) -> int:
    """The virtual time at which a swarm (re)enters a ring."""
    return max(own, floor)


def quantum_of(limit: int) -> int:
    """How many tasks a seat is served at one visit, of a claim that asks for `limit`.

    >>> [quantum_of(limit) for limit in (1, 31, 32, 64)]
    [1, 1, 2, 4]
    """
    return min(max(limit // VISITS, 1), QUANTUM_MAX)


def deal(rings: Sequence[Ring], *, limit: int) -> Deal:
    """Share out up to `limit` tasks over the seats of `rings`.

    >>> seats = [Seat(swarm=SwarmId(s), vt=0, priority=5, ready=9, room=9) for s in "ab"]
    >>> [swarm for _, swarm in deal([Ring(lane="l", floor=0, turn=0, seats=seats)], limit=4).served]
    ['a', 'b', 'a', 'b']
    """
    table = _Table(rings, limit)
    while table.left > 0 and table.waiting:
        table.visit_one()
    return Deal(served=tuple(table.served), vts=table.vts, floors=table.floors, turns=table.turns)


class _Table:
    """The state of one deal: a heap of seats per lane, and the room left per swarm."""

    def __init__(self, rings: Sequence[Ring], limit: int) -> None:
        self.left = limit
        self.quantum = quantum_of(limit)
        ordered = sorted(rings, key=lambda ring: (ring.turn, ring.lane))
        self.waiting = [ring.lane for ring in ordered if ring.seats]
        self.heaps = {
            ring.lane: [(seat.vt, seat.swarm, seat.priority, seat.ready) for seat in ring.seats]
            for ring in ordered
        }
        for heap in self.heaps.values():
            heapq.heapify(heap)
        self.room = {seat.swarm: seat.room for ring in ordered for seat in ring.seats}
        self.turn = max((ring.turn for ring in ordered), default=0)
        self.served: list[tuple[str, SwarmId]] = []
        self.vts: dict[tuple[str, SwarmId], int] = {}
        self.floors: dict[str, int] = {}
        self.turns: dict[str, int] = {}

    def visit_one(self) -> None:
        """Serve the first seat of the lane whose turn it is, or drop the lane when it is empty."""
        lane = self.waiting.pop(0)
        heap = self.heaps[lane]
        while heap and self.room[heap[0][1]] <= 0:
            heapq.heappop(heap)
        if not heap:
            return
        self._serve(lane, heapq.heappop(heap))
        self.waiting.append(lane)

    def _serve(self, lane: str, seat: tuple[int, SwarmId, int, int]) -> None:
        vt, swarm, priority, ready = seat
        number, stride = min(self.quantum, self.left, self.room[swarm], ready), stride_of(priority)
        self.left -= number
        self.turn += number
        self.room[swarm] -= number
        self.served += [(lane, swarm)] * number
        self.floors[lane], self.turns[lane] = vt + (number - 1) * stride, self.turn
        self.vts[lane, swarm] = vt + number * stride
        if ready > number:
            heapq.heappush(
                self.heaps[lane], (self.vts[lane, swarm], swarm, priority, ready - number)
            )
