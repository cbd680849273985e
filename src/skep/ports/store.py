"""The store's ports: live state in named atomic operations, each with its own contract.

Truth only. Hints (wake-ups) are inside `claim` and `read`, which wait at most their patience;
losing every hint makes Skep slower, never wrong. Every operation is atomic over its whole batch
and answers item by item, in order. A refusal is an item's answer, not an exception, where the
return type says so. `StoreUnavailable` may be raised by each; the command is then safe to repeat
(an order to steer when it has a command id).
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from skep.ports.census import Registered
from skep.ports.directory import Listed
from skep.ports.disputes import Courts
from skep.ports.gates import Gates
from skep.ports.mailbox import Correspondence
from skep.ports.placing import Fleetwide
from skep.ports.pools import Shares
from skep.ports.retention import Retention
from skep.ports.states import Remembering
from skep.ports.terms import Led
from skep.records.approval import Approval, ApprovalState, Ask, AskAnswer, Reply, ReplyVerdict
from skep.records.command import Addition, Order, Receipt, Submission
from skep.records.errors import SkepError
from skep.records.event import Cursor, Page
from skep.records.ids import ApprovalId, SwarmId, TaskRef, WorkerId
from skep.records.leadership import Mandate
from skep.records.lease import Beat, Grant, Offer, Swept, Token
from skep.records.letter import DeadLetter
from skep.records.outcome import Artifact, Settlement, SettleVerdict
from skep.records.step import Entry, Step, StepAnswer
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task
from skep.records.told import Told
from skep.records.values import Digest, Json


class Durability(StrEnum):
    """What an acknowledged write survives."""

    MEMORY = "memory"
    PROCESS = "process"
    FSYNCED = "fsynced"
    REPLICATED = "replicated"


class Work(Protocol):
    """Plans come in, tasks go out, outcomes come back."""

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Receipt | SkepError]:
        """Store whole swarms; tasks that wait for nothing are ready at once.

        Idempotent by command id. Answers `PlanRefused` and its kinds, `CommandConflict`, or
        `ArtifactNotFound` for a content that it refers to and that is not kept; of a refused
        submission nothing is stored.
        """
        ...

    async def add(self, additions: Sequence[Addition]) -> Sequence[Receipt | SkepError]:
        """Add tasks to live swarms, from outside (open plans only) or under a task's token.

        Idempotent by command id. Answers `SwarmClosed`, `SwarmNotFound`, `PlanRefused` and its
        kinds, `CommandConflict`, or `ArtifactNotFound` as for `submit`; of a refused addition
        nothing is stored.
        """
        ...

    async def claim(self, offer: Offer, *, limit: int, patience_s: float = 0.0) -> Sequence[Grant]:
        """Take up to `limit` ready tasks that `offer` can run, each under a fresh lease.

        Order: fair virtual time of the swarms, then priority, then age. At least once: a grant
        that is neither settled nor renewed before its deadline is given out again after a sweep,
        with `attempt` raised by one. When nothing is ready it waits up to `patience_s` for work
        and then answers with an empty sequence. Grants given to a caller that was cancelled
        while waiting come back when their lease runs out.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[SettleVerdict]:
        """Store what became of attempts: result, edges, newly ready tasks, lease, events.

        Exactly once per grant: repeated, it answers ALREADY and changes nothing. An outcome that
        refers to a content that is not kept is FENCED: the attempt is lost, as with its worker.
        """
        ...

    async def steer(self, orders: Sequence[Order]) -> Sequence[SwarmStatus | SkepError]:
        """Pause, resume, interrupt, cancel, seal, reopen, cap or tell swarms; answers the status.

        Idempotent by command id: a repeated order changes nothing and answers the status as it is
        now. An order without an id is safe to repeat only while nobody steered otherwise, and a
        reopening or resumption without one never is. Asking for what is already so changes
        nothing and is no error. Answers `SwarmNotFound`, `TaskNotFound`, `TaskNotDead`,
        `IllegalMove`, `LimitExceeded` for a cap or a message, `SwarmClosed` for a message to a
        swarm that has ended, `Conflict`, or `CommandConflict`; a refused order changed nothing and
        leaves its id free. A message without an id is told again each time.
        """
        ...


class Leases(Protocol):
    """Who holds what, and what is due."""

    async def renew(self, tokens: Sequence[Token], *, lease_s: float) -> Sequence[Beat]:
        """Move the deadlines of leases to `lease_s` from now, never past the hard deadline."""
        ...

    async def reclaim(self, worker: WorkerId) -> int:
        """Free every task that an earlier life of this worker held; returns how many.

        Only for the one live process that holds the identity. Each counts as a lost attempt.
        """
        ...

    async def sweep(self, *, limit: int = 256, mandate: Mandate | None = None) -> Swept:
        """Do up to `limit` of each thing that is due: leases, timers, edges, time-outs, expiries.

        Any number of processes may sweep at once; what it does is due whoever does it. Who does it
        as the leader says so: under a `mandate` that is not current it raises `StaleTerm`, and
        nothing was done.
        """
        ...

    async def reconcile(self, *, mandate: Mandate | None = None) -> int:
        """Rebuild the ready queues from the task records; returns how many seats were mended.

        A leader says its `mandate`, as for `sweep`.
        """
        ...


class Journal(Protocol):
    """What calls a run has announced and what they returned."""

    async def write(self, entries: Sequence[Entry]) -> Sequence[StepAnswer]:
        """Store intents and results in order, so that one call can settle a step and open the next.

        Durable before it answers. Write once: the value that stands is the first one stored. A
        result that refers to a content that is not kept is MISSING.
        """
        ...

    async def read(self, ref: TaskRef, *, run: int) -> Sequence[Step]:
        """Read the journal of a run in the order in which the steps were opened."""
        ...


class Approvals(Protocol):
    """Questions of running tasks to people, and what is decided of them."""

    async def ask(self, asks: Sequence[Ask]) -> Sequence[AskAnswer]:
        """Put questions under tokens, each with its open step in the run's journal.

        Idempotent by task, run and key: asked again, it is the same question. Raises
        `LimitExceeded` or `InvalidInput`, and then nothing was asked.
        """
        ...

    async def decide(self, replies: Sequence[Reply]) -> Sequence[ReplyVerdict | SkepError]:
        """Decide questions: record their steps, and wake the tasks that wait for them.

        The first reply stands; the same verdict again changes nothing. Answers `AlreadyDecided`,
        `ApprovalWithdrawn` or `ApprovalNotFound`.
        """
        ...

    async def read(self, ids: Sequence[ApprovalId]) -> Sequence[Approval]:
        """Read some questions in the order asked for. Raises `ApprovalNotFound`."""
        ...

    async def find(
        self,
        *,
        swarm: SwarmId | None = None,
        state: ApprovalState | None = None,
        before: ApprovalId | None = None,
        limit: int = 50,
    ) -> Sequence[Approval]:
        """Read questions, the newest first; `before` pages on from the last one read.

        Raises `ApprovalNotFound` for `before`; a swarm that is not there has none.
        """
        ...


class EventLog(Protocol):
    """The per-swarm log of facts."""

    async def read(self, cursor: Cursor, *, limit: int = 256, patience_s: float = 0.0) -> Page:
        """Read events after a cursor, waiting up to `patience_s` when there is none yet.

        Order: seq, dense. At least once for a reader that keeps its cursor. An empty incarnation
        in the cursor means whichever is current. Raises `SwarmNotFound`.
        """
        ...

    async def remark(self, token: Token, remarks: Sequence[dict[str, Json]]) -> bool:
        """Append `task.progressed` events under a token; False, and nothing, when it is fenced.

        Raises `LimitExceeded` for a remark over EVENT_BYTES_MAX.
        """
        ...


class Registry(Protocol):
    """Reading swarms and tasks; nothing here changes anything."""

    async def swarm(self, swarm: SwarmId) -> Swarm:
        """Read one swarm. Raises `SwarmNotFound`."""
        ...

    async def rest(self, swarm: SwarmId, *, patience_s: float = 0.0) -> Swarm:
        """Read one swarm, after waiting up to `patience_s` until it is at rest.

        At rest it has ended, or waits for a person: `policy.endings.is_at_rest`. It may have gone
        on when this answers. Raises `SwarmNotFound`.
        """
        ...

    async def swarms(
        self, *, status: SwarmStatus | None = None, before: SwarmId | None = None, limit: int = 50
    ) -> Sequence[Swarm]:
        """Read swarms, youngest first; `before` pages on from the last one read."""
        ...

    async def tasks(self, swarm: SwarmId) -> Sequence[Task]:
        """Read all tasks of a swarm in the order of its plan. Raises `SwarmNotFound`."""
        ...

    async def read(self, refs: Sequence[TaskRef]) -> Sequence[Task]:
        """Read some tasks in the order asked. Raises `TaskNotFound`."""
        ...

    async def artifacts(self, swarm: SwarmId) -> Sequence[tuple[TaskRef, Artifact]]:
        """Read what the tasks of a swarm left behind, in the order of its plan, then by name."""
        ...

    async def dead_letters(
        self, *, swarm: SwarmId | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """Read the tasks that failed, of all swarms or one, newest first.

        Those that failed in the same moment stand in the order of their `place`, the last first.
        `before` is the `cursor` of a letter read before, and pages on from it whether it stands
        in the list still or not. Raises `SwarmNotFound`, or `InvalidInput` for the cursor.
        """
        ...

    async def told(self, swarm: SwarmId, *, after: int = 0) -> Sequence[Told]:
        """Read what people told a swarm, in order, from the message after number `after` on.

        Raises `SwarmNotFound`.
        """
        ...


class Blobs(Protocol):
    """Content by hash: stored once, never changed."""

    async def put(self, contents: Sequence[bytes]) -> Sequence[Digest]:
        """Keep contents and give their SHA-256. Raises `LimitExceeded` over BLOB_BYTES_MAX.

        Putting one again renews the time for which it is kept although nothing refers to it.
        """
        ...

    async def get(self, digest: Digest) -> bytes:
        """Read a content back. Raises `ArtifactNotFound`."""
        ...


class Standing(Protocol):
    """What a store says of itself."""

    @property
    def durability(self) -> Durability:
        """The class of every acknowledged write."""
        ...

    @property
    def incarnation(self) -> str:
        """Which life of the store this is; tokens and cursors of another one are refused."""
        ...


class Beside(Protocol):
    """The ports of a store that are of no swarm."""

    @property
    def gates(self) -> Gates:
        """Leave to ask providers."""
        ...


class Store(
    Standing,
    Beside,
    Led,
    Registered,
    Fleetwide,
    Shares,
    Listed,
    Correspondence,
    Remembering,
    Courts,
    AbstractAsyncContextManager["Store"],
    Protocol,
):
    """One live store with all its ports; closing it waits for what was asked before."""

    @property
    def work(self) -> Work:
        """Submitting, claiming, settling, steering."""
        ...

    @property
    def leases(self) -> Leases:
        """Renewing and sweeping."""
        ...

    @property
    def journal(self) -> Journal:
        """Intents and results."""
        ...

    @property
    def approvals(self) -> Approvals:
        """Questions to people."""
        ...

    @property
    def log(self) -> EventLog:
        """Events."""
        ...

    @property
    def registry(self) -> Registry:
        """Reading swarms and tasks."""
        ...

    @property
    def blobs(self) -> Blobs:
        """Large content."""
        ...

    @property
    def retention(self) -> Retention:
        """Forgetting what has ended."""
        ...
