"""Everything that Skep refuses or fails at, as one tree.

    SkepError
    ├── InvalidInput            what was asked makes no sense as it stands
    │   ├── PlanRefused         a plan that cannot be stored
    │   │   ├── CycleInPlan, UnknownDependency, DuplicateTask
    │   │   └── LimitExceeded   (also raised alone, for any named limit)
    │   ├── ObjectiveNotServed  the offline model has no template for it
    │   ├── PriceUnknown        a budget in dollars for a model whose price nobody knows
    │   ├── AgentUnknown        no agent, or no role, of that name
    │   ├── CaptureUnusable     an export, or a capture, that is damaged or of a newer Skep
    │   ├── BackupUnusable      a file that cannot be restored from, or must not be written to
    │   └── AgentFileInvalid    a role file that cannot be read
    ├── NotFound                SwarmNotFound, TaskNotFound, ArtifactNotFound, ApprovalNotFound,
    │                           MessageNotFound, CaptureNotFound
    ├── Conflict
    │   ├── CommandConflict     the same command id with another body
    │   ├── IllegalMove         a status change that the table of moves does not have
    │   ├── SwarmClosed         adding tasks to a sealed swarm, or telling one that has ended
    │   ├── TaskNotDead         a replay of a task that did not fail
    │   ├── SwarmKept           forgetting a swarm that is live or ended too lately
    │   ├── NodeAbsent, FleetFull   (in records/fleet_errors.py)
    │   ├── SwarmNotCompleted   a result was asked of a swarm that has none
    │   ├── AlreadyDecided      another decision of the same approval stands
    │   ├── ApprovalWithdrawn   nobody waits for this decision any more
    │   ├── NothingToRecover    records are gone, and no capture holds them
    │   ├── InboxFull           nobody reads an inbox that is full
    │   ├── Fenced              the lease behind a call is no longer current
    │   ├── StaleTerm           a leader's write after another one was elected, or it resigned
    │   ├── Diverged            a step met its own journal with another request
    │   ├── StoreInUse          another process has a store open that was to be replaced
    │   ├── StoreNotEmpty       a restore met a store that it was not told to replace
    │   └── IdentityInUse       another live process works under this identity
    │   (and what the fleet refuses: sharing_errors.py)
    ├── StoreError              StoreUnavailable, StoreTooNew, StoreUnsafe
    ├── PlanNotDrafted          a model drafted no plan that can be worked on
    ├── NoAnswer                a message that asked was not answered in time
    ├── WorkspaceError          a folder that cannot be audited
    └── ModelError              ModelUnknown, ModelExtraMissing, ModelKeyMissing,
                                ModelNotConfigured, AnswerTooLong

Each class has a stable `code`, an HTTP status (RFC 9457) and a JSON-RPC code. The docstring's
first line is the message where none is given; `hint` says what to do about it.
"""

from typing import ClassVar


class SkepError(Exception):
    """Something went wrong inside Skep."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    rpc_code: ClassVar[int] = -32000

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        self.hint = hint

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        return str(self.args[0])


class InvalidInput(SkepError):
    """What was asked makes no sense as it stands."""

    code = "invalid_input"
    http_status = 400
    rpc_code = -32602


class PlanRefused(InvalidInput):
    """The plan cannot be stored; nothing of it was."""

    code = "plan_refused"


class CycleInPlan(PlanRefused):
    """Tasks of the plan wait for each other."""

    code = "cycle_in_plan"

    def __init__(self, *, cycle: tuple[str, ...]) -> None:
        super().__init__(f"Tasks wait for each other: {' -> '.join(cycle)}.")
        self.cycle = cycle


class UnknownDependency(PlanRefused):
    """A task waits for one that the plan does not have."""

    code = "unknown_dependency"

    def __init__(self, *, task: str, missing: str) -> None:
        super().__init__(f"Task {task!r} waits for {missing!r}, which is not in the plan.")
        self.task = task
        self.missing = missing


class DuplicateTask(PlanRefused):
    """Two tasks of the plan have the same key."""

    code = "duplicate_task"

    def __init__(self, *, task: str) -> None:
        super().__init__(f"Task key {task!r} stands in the plan twice.")
        self.task = task


class LimitExceeded(PlanRefused):
    """A named limit was crossed."""

    code = "limit_exceeded"
    http_status = 413

    def __init__(self, *, limit: str, allowed: float, actual: float, subject: str = "") -> None:
        about = f" ({subject})" if subject else ""
        super().__init__(f"{limit} is {allowed:g}, asked for {actual:g}{about}.")
        self.limit = limit
        self.allowed = allowed
        self.actual = actual


class ObjectiveNotServed(InvalidInput):
    """The offline model has no template that serves this objective."""

    code = "objective_not_served"


class PriceUnknown(InvalidInput):
    """A budget in dollars needs models whose prices are known."""

    code = "price_unknown"

    def __init__(self, *, model: str) -> None:
        super().__init__(
            f"Nobody knows what {model!r} costs, so a budget in dollars cannot hold.",
            hint="Say --budget-usd none, or tell its price in SKEP_PRICES.",
        )
        self.model = model


class AgentUnknown(InvalidInput):
    """No agent has this name."""

    code = "agent_unknown"

    def __init__(self, *, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"No agent is called {name!r}.", hint=f"Known: {', '.join(known)}." if known else ""
        )
        self.name = name


class AgentFileInvalid(InvalidInput):
    """An agent file cannot be read."""

    code = "agent_file_invalid"

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"Agent file {path} cannot be used: {reason}.")
        self.path = path


class BackupUnusable(InvalidInput):
    """The file is no whole backup of this kind of store."""

    code = "backup_unusable"


class NotFound(SkepError):
    """There is nothing of this name."""

    code = "not_found"
    http_status = 404
    rpc_code = -32004


class SwarmNotFound(NotFound):
    """There is no such swarm."""

    code = "swarm_not_found"

    def __init__(self, *, swarm: str) -> None:
        super().__init__(
            f"There is no swarm {swarm!r}.",
            hint="`skep swarm list` shows them all; what ended long ago may have been forgotten.",
        )
        self.swarm = swarm


class TaskNotFound(NotFound):
    """There is no such task."""

    code = "task_not_found"

    def __init__(self, *, swarm: str, task: str) -> None:
        super().__init__(f"Swarm {swarm} has no task {task!r}.")
        self.swarm = swarm
        self.task = task


class ArtifactNotFound(NotFound):
    """There is no such artefact."""

    code = "artifact_not_found"


class ApprovalNotFound(NotFound):
    """There is no such approval."""

    code = "approval_not_found"

    def __init__(self, *, approval: str) -> None:
        super().__init__(
            f"There is no approval {approval!r}.", hint="`skep approvals list --all` shows them."
        )
        self.approval = approval


class MessageNotFound(NotFound):
    """There is no such message."""

    code = "message_not_found"

    def __init__(self, *, message: str, to: str) -> None:
        super().__init__(
            f"The inbox {to} has no message {message!r}.",
            hint="What was acknowledged is kept for a while only; see: skep message tail",
        )
        self.id = message
        self.to = to


class Conflict(SkepError):
    """What was asked does not fit the present state."""

    code = "conflict"
    http_status = 409
    rpc_code = -32009


class CommandConflict(Conflict):
    """This command id was used before with another body."""

    code = "command_conflict"


class IllegalMove(Conflict):
    """The table of moves has no such change of status."""

    code = "illegal_move"

    def __init__(self, *, status: str, move: str) -> None:
        done = move.rpartition(".")[2].replace("_", " ")
        super().__init__(f"What is {status} cannot be {done}.")
        self.status = status
        self.move = move


class SwarmClosed(Conflict):
    """The swarm takes no more tasks: it is sealed or has ended."""

    code = "swarm_closed"


class TaskNotDead(Conflict):
    """The task did not fail, so there is nothing to replay."""

    code = "task_not_dead"

    def __init__(self, *, task: str, status: str) -> None:
        super().__init__(
            f"Task {task!r} is {status}; it is no dead letter.",
            hint="`skep deadletters list` shows what can be replayed.",
        )
        self.task = task
        self.status = status


class SwarmKept(Conflict):
    """The swarm is live, or ended too lately to be forgotten."""

    code = "swarm_kept"

    def __init__(self, *, swarm: str, status: str) -> None:
        super().__init__(
            f"Swarm {swarm} is {status} and is kept.",
            hint="Only swarms that ended long enough ago are forgotten; cancel a live one first.",
        )
        self.swarm = swarm


class SwarmNotCompleted(Conflict):
    """The swarm did not complete, so it has no result."""

    code = "swarm_not_completed"


class AlreadyDecided(Conflict):
    """Another decision of the same approval stands."""

    code = "already_decided"

    def __init__(self, *, approval: str, verdict: str, by: str, when: str) -> None:
        what = f"was {verdict} by {by}" if by else verdict
        super().__init__(
            f"Approval {approval} {what} at {when}, and that stands.",
            hint="To have it asked anew, retry its task: skep swarm retry.",
        )
        self.approval = approval
        self.verdict = verdict
        self.by = by


class ApprovalWithdrawn(Conflict):
    """Nobody waits for this decision any more."""

    code = "approval_withdrawn"

    def __init__(self, *, approval: str, task: str) -> None:
        super().__init__(
            f"Approval {approval} was withdrawn: task {task} has ended or begun its next run.",
            hint="A next run asks anew; see: skep approvals list",
        )
        self.approval = approval


class InboxFull(Conflict):
    """The inbox is full; the message was not accepted."""

    code = "inbox_full"
    http_status = 429

    def __init__(self, *, to: str, allowed: int) -> None:
        super().__init__(
            f"The inbox {to} holds {allowed:,} messages that nobody has acknowledged.",
            hint="Send it again later; `skep message inbox` shows what waits and what is dead.",
        )
        self.to = to
        self.allowed = allowed


class Fenced(Conflict):
    """The lease behind this call is no longer current; nothing was written."""

    code = "fenced"


class StaleTerm(Conflict):
    """A later term has begun, or the leader resigned; nothing was written."""

    code = "stale_term"

    def __init__(self, *, term: int, current: int) -> None:
        super().__init__(
            f"Term {term} is over, the store is in term {current}; nothing was written.",
            hint="Another process leads now, or soon will; see: skep fleet leader",
        )
        self.term = term
        self.current = current


class Diverged(Conflict):
    """A step met its own journal with another request; the task stops rather than guess."""

    code = "diverged"


class IdentityInUse(Conflict):
    """Another live process works under this identity."""

    code = "identity_in_use"


class StoreInUse(Conflict):
    """Another process has the store open."""

    code = "store_in_use"


class StoreNotEmpty(Conflict):
    """There is a store already where one was to be restored."""

    code = "store_not_empty"


class StoreError(SkepError):
    """The store could not do what it was asked."""

    code = "store_error"
    http_status = 503
    rpc_code = -32010


class StoreUnavailable(StoreError):
    """The store does not answer; nothing was changed, or the change is safe to repeat."""

    code = "store_unavailable"


class StoreTooNew(StoreError):
    """The store was written by a newer Skep."""

    code = "store_too_new"


class StoreUnsafe(StoreError):
    """The store cannot keep its promises here."""

    code = "store_unsafe"


class WorkspaceError(SkepError):
    """The workspace cannot be read."""

    code = "workspace_unreadable"
    http_status = 422
    rpc_code = -32020


class ModelError(SkepError):
    """The language model cannot be used."""

    code = "model_error"
    http_status = 502
    rpc_code = -32030


class ModelUnknown(ModelError):
    """No provider or model has this name."""

    code = "model_unknown"
    http_status = 400


class ModelExtraMissing(ModelError):
    """The package that speaks to this provider is not installed."""

    code = "model_extra_missing"
    http_status = 501


class ModelKeyMissing(ModelError):
    """The provider's key is not set."""

    code = "model_key_missing"
    http_status = 401


class ModelNotConfigured(ModelError):
    """No model was said, and none is assumed here."""

    code = "model_not_configured"
    http_status = 400


class AnswerTooLong(ModelError):
    """The provider's answer is longer than any answer may be; the rest was not read."""

    code = "answer_too_long"

    def __init__(self, *, allowed: int) -> None:
        super().__init__(
            f"The provider's answer is longer than {allowed:,} bytes; the rest was not read.",
            hint="Ask for less at once: split the task.",
        )
        self.allowed = allowed


class PlanNotDrafted(SkepError):
    """The model drafted no plan that can be worked on."""

    code = "plan_not_drafted"
    http_status = 502
    rpc_code = -32031


class NoAnswer(SkepError):
    """Nobody answered in time."""

    code = "no_answer"
    http_status = 504
    rpc_code = -32032

    def __init__(self, *, to: str, seconds: float) -> None:
        super().__init__(
            f"{to} did not answer within {seconds:g} s.",
            hint="It may have been asked still: an answer that comes later is not waited for.",
        )
        self.to = to
        self.seconds = seconds
