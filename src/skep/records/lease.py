"""Leases: the time-limited right to one task, and the fencing token that proves it.

The token names the store's incarnation, the task, its run, the attempt and a random nonce of the
grant, and is compared for equality inside every write. A lease that ran out revokes nothing; the
next grant does (docs/contract.md, 8 to 11).
"""

from dataclasses import dataclass
from enum import StrEnum

from skep.records.ids import SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.swarm import SwarmRequest, SwarmStatus
from skep.records.task import AgentKind, TaskSpec, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Proof of one grant of one task."""

    incarnation: str
    swarm: SwarmId
    task: TaskKey
    run: int
    attempt: int
    nonce: str

    @property
    def ref(self) -> TaskRef:
        """The task it is for."""
        return TaskRef(swarm=self.swarm, key=self.task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a worker is ready to take: queues, kinds of agent and the capabilities it has."""

    worker: WorkerId
    queues: frozenset[str] = frozenset({"default"})
    kinds: frozenset[AgentKind] = frozenset(AgentKind)
    capabilities: frozenset[str] = frozenset()
    lease_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One task under a fresh lease.

    `failures` counts the failed and lost attempts before it; `waited_for` names what it waited
    for, spawned tasks included, in the order of the plan. `request` is what its swarm asks for, as
    of the claim, with its cap and its budget as they stand then; `has_steps` says whether the
    journal of its run holds anything: only who has the grant can open a step, so a run without one
    has none until then. `told` counts the messages that the swarm held at the claim.
    """

    token: Token
    spec: TaskSpec
    request: SwarmRequest
    has_steps: bool
    waited_for: tuple[TaskKey, ...]
    failures: int
    lease_until: float
    hard_until: float
    told: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the store knows of a task's last grant.

    `nonce` is empty once the grant is void; `spent` is the digest of the settlement that the
    token was used for, kept until the next grant so that a repeated settlement is recognised.
    """

    incarnation: str
    run: int
    attempt: int
    nonce: str
    spent: str
    status: TaskStatus


class BeatVerdict(StrEnum):
    """What a renewal found."""

    HELD = "held"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The answer to one renewal.

    A lost task must be dropped at once. The swarm's status tells a holder to hand its task back
    when the swarm was paused or interrupted.
    """

    verdict: BeatVerdict
    swarm_status: SwarmStatus | None
    lease_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep did, in tasks, swarms, edges or approvals."""

    lost: int = 0
    given_up: int = 0
    woken: int = 0
    drained: int = 0
    timed_out: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        """How much was done in all; 0 means that nothing was due."""
        moved = self.lost + self.given_up + self.woken + self.timed_out
        return moved + self.drained + self.expired
