"""Commands: what may be asked of the store about swarms, each safe to send twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from skep.records.codec import spec_text
from skep.records.ids import SwarmId, TaskKey
from skep.records.lease import Token
from skep.records.purse import Budget
from skep.records.swarm import Plan, SwarmMove, SwarmRequest
from skep.records.task import TaskSpec
from skep.records.values import Digest, Json, canonical, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Store a whole swarm at once, safe to repeat.

    `command` names this asking for it, `digest` tells its body from another one. `written` holds
    the specifications of the plan as `codec.spec_text` writes them, where that was done already.
    """

    command: str
    digest: str
    swarm: SwarmId
    request: SwarmRequest
    plan: Plan
    written: tuple[str, ...] = ()

    @property
    def spec_texts(self) -> Sequence[str]:
        """The specifications of the plan as they are stored."""
        return self.written or [spec_text(task) for task in self.plan.tasks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Add tasks to a live swarm, from outside or, with a token, as a spawn by a running task.

    Dependents of the spawning task wait for what it spawned as well. New tasks may wait for each
    other, for the spawning task and for tasks that have ended.
    """

    command: str
    digest: str
    swarm: SwarmId
    tasks: tuple[TaskSpec, ...]
    token: Token | None = None


class ReceiptVerdict(StrEnum):
    """Whether a command changed anything."""

    OK = "ok"
    ALREADY = "already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a submission or addition; ALREADY repeats the first answer."""

    verdict: ReceiptVerdict
    swarm: SwarmId


STEERING = frozenset(
    {
        SwarmMove.PAUSE,
        SwarmMove.RESUME,
        SwarmMove.INTERRUPT,
        SwarmMove.CANCEL,
        SwarmMove.SEAL,
        SwarmMove.REOPEN,
        SwarmMove.CAP,
        SwarmMove.RAISE,
        SwarmMove.CUT_SHORT,
        SwarmMove.TELL,
    }
)
"""The moves that a person may ask of a swarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Steer a swarm by one of `STEERING`, safe to repeat where it has a `command`.

    `RESUME` also forgives the failures counted so far, for a person has looked. `REOPEN` opens
    the next run of `tasks` (empty: of everything that failed, is blocked or was cancelled) and
    of all that depends on them; with `is_replay` only what failed is meant, and a task that is
    named must have. `CAP` sets how many tasks may run at once to `max_agents`.

    `RAISE` sets the limits of the purse that `budget` names, and lets a swarm go on that was
    paused by its purse. `CUT_SHORT` cancels every task that another one waits for, lets the last
    tasks run with what there is, and seals the plan; it too lets such a swarm go on.

    `TELL` has the agents of the swarm, or of the one task that is named, hear `text` at their next
    turn; `by` says whose words they are.

    `command` names this asking for it: the same order again changes nothing. An order without
    one is carried out each time, and only asking for what is so already is safe to repeat.
    """

    swarm: SwarmId
    move: SwarmMove
    tasks: tuple[TaskKey, ...] = ()
    reason: str = ""
    max_agents: int | None = None
    is_replay: bool = False
    command: str = ""
    budget: Budget | None = None
    text: str = ""
    by: str = ""

    @property
    def digest(self) -> Digest:
        """Tells the body of this order from another one under the same command."""
        body: dict[str, Json] = {
            "swarm": self.swarm,
            "move": self.move,
            "tasks": list[Json](self.tasks),
            "reason": self.reason,
            "max_agents": self.max_agents,
            "is_replay": self.is_replay,
        }
        if self.budget is not None:
            body["budget"] = self.budget.limits_as_json()
        if self.text:
            body |= {"text": self.text, "by": self.by}
        return digest_of(canonical(body))
