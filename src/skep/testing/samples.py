"""Short words for the records that tests need: a task, a submission, an offer."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from skep.policy.approving import fingerprint_of
from skep.records.approval import ASKED, Ask, Reply, Verdict
from skep.records.command import Addition, Order, Submission
from skep.records.dispute import ConflictRule, Dispute
from skep.records.gate import BOUNDLESS, Knock, Limits, Rate
from skep.records.ids import ApprovalId, SwarmId, TaskKey, WorkerId
from skep.records.lease import Offer, Token
from skep.records.limits import SWARM_AGENTS_MAX
from skep.records.outcome import ErrorClass, Failed, Failure, Retried
from skep.records.placement import Distribution, Placement
from skep.records.pool import Requisition
from skep.records.purse import Amount, Budget
from skep.records.step import Effect, Intent, Lapse, Record
from skep.records.swarm import Plan, SwarmMove, SwarmRequest
from skep.records.task import AgentKind, RetryPolicy, TaskSpec
from skep.records.values import Json, canonical, digest_of


class TaskFields(TypedDict, total=False):
    """What `task` passes on to the specification."""

    kind: AgentKind
    title: str
    input: Json
    tolerant: bool
    priority: int
    queue: str
    capabilities: frozenset[str]
    delay_s: float
    timeout_s: float
    retry: RetryPolicy


class RequestFields(TypedDict, total=False):
    """What `submission` passes on to the request."""

    priority: int
    max_agents: int
    timeout_s: float | None
    budget: Budget | None
    capabilities: tuple[str, ...]


class PartFields(TypedDict, total=False):
    """What `requisition` passes on."""

    token: Token | None
    priority: int


class DisputeFields(TypedDict, total=False):
    """What `dispute` passes on."""

    rule: ConflictRule
    electorate: tuple[str, ...]
    quorum: int
    tie: ConflictRule | None


class OrderFields(TypedDict, total=False):
    """What `order` passes on."""

    max_agents: int
    is_replay: bool
    command: str
    reason: str
    budget: Budget | None
    text: str
    by: str


class OfferFields(TypedDict, total=False):
    """What `offer` passes on."""

    queues: frozenset[str]
    kinds: frozenset[AgentKind]
    capabilities: frozenset[str]
    lease_s: float


class Asking(TypedDict, total=False):
    """What `question` takes besides its name."""

    asks: str
    detail: Json
    expires_s: float | None


class KnockFields(TypedDict, total=False):
    """What `knock` passes on."""

    tokens: int
    patience_s: float
    expires_s: float


class Replying(TypedDict, total=False):
    """What `reply` takes besides its verdict."""

    by: str
    reason: str


def task(key: str, *after: str, agent: str = "worker", **fields: Unpack[TaskFields]) -> TaskSpec:
    """Specify a task that waits for the tasks named `after`."""
    dependencies = tuple(TaskKey(up) for up in after)
    return TaskSpec(key=TaskKey(key), agent=agent, after=dependencies, **fields)


def chain(length: int) -> list[TaskSpec]:
    """Specify tasks t0, t1, …, each waiting for the one before."""
    return [task(f"t{i}", *([f"t{i - 1}"] if i else [])) for i in range(length)]


def many(number: int, prefix: str = "t") -> list[TaskSpec]:
    """Specify tasks that wait for nothing."""
    return [task(f"{prefix}{i:04}") for i in range(number)]


def submission(
    swarm: str,
    *tasks: TaskSpec,
    sealed: bool = True,
    command: str = "",
    **request: Unpack[RequestFields],
) -> Submission:
    """Ask for a swarm with these tasks; its command id is made from its own id."""
    fields: RequestFields = {"max_agents": SWARM_AGENTS_MAX, **request}
    asked = SwarmRequest(objective="Test the store", **fields)
    return Submission(
        command=command or f"submit-{swarm}",
        digest=digest_of(repr((sealed, tasks, asked))),
        swarm=SwarmId(swarm),
        request=asked,
        plan=Plan(tasks=tasks, sealed=sealed),
    )


def addition(
    swarm: str, *tasks: TaskSpec, token: Token | None = None, command: str = ""
) -> Addition:
    """Ask for more tasks in a swarm; the command id is made from their keys."""
    return Addition(
        command=command or f"add-{swarm}-{'-'.join(spec.key for spec in tasks)}",
        digest=digest_of(repr(tasks)),
        swarm=SwarmId(swarm),
        tasks=tasks,
        token=token,
    )


def distribution(
    *needs: str, key: str = "d", placement: Placement = Placement.LEAST_LOADED, command: str = ""
) -> Distribution:
    """Ask for a task in whichever swarm comes first; the command is made from its key."""
    return Distribution(
        command=command or f"distribute-{key}",
        task=task(key),
        placement=placement,
        needs=frozenset(needs),
        by="tests",
    )


def requisition(
    name: str, amount: int, *, pool: str = "cpu", swarm: str = "s", **fields: Unpack[PartFields]
) -> Requisition:
    """Ask for a part of a pool, for a swarm or under a token of a task of it."""
    return Requisition(id=name, pool=pool, amount=amount, swarm=SwarmId(swarm), **fields)


def dispute(name: str, *parties: str, **fields: Unpack[DisputeFields]) -> Dispute:
    """Ask who of several swarms wins."""
    return Dispute(id=name, parties=tuple(map(SwarmId, parties)), **fields)


def order(swarm: str, move: SwarmMove, *tasks: str, **fields: Unpack[OrderFields]) -> Order:
    """Steer a swarm."""
    keys = tuple(TaskKey(key) for key in tasks)
    return Order(swarm=SwarmId(swarm), move=move, tasks=keys, **fields)


def offer(worker: str = "w1", **fields: Unpack[OfferFields]) -> Offer:
    """Offer to work."""
    return Offer(worker=WorkerId(worker), **fields)


def failure(error_class: ErrorClass = ErrorClass.PERMANENT, message: str = "it broke") -> Failure:
    """Say what went wrong."""
    return Failure(error_class=error_class, code="test", message=message)


def failed() -> Failed:
    """Give the task up."""
    return Failed(failure=failure())


def retried(wake_at: float) -> Retried:
    """Have the task try again at `wake_at`."""
    return Retried(failure=failure(ErrorClass.TRANSIENT), wake_at=wake_at)


def question(
    token: Token,
    name: str = "q",
    *,
    asks: str = "May I?",
    detail: Json = None,
    expires_s: float | None = None,
) -> Ask:
    """Put a question; `name` is what its key ends with."""
    return Ask(
        token=token,
        key=f"{ASKED}{name}",
        fingerprint=fingerprint_of(asks, detail),
        question=asks,
        detail=detail,
        expires_s=expires_s,
    )


def reply(
    approval: ApprovalId,
    verdict: Verdict = Verdict.APPROVED,
    *,
    by: str = "ann",
    reason: str = "",
) -> Reply:
    """Reply to a question."""
    return Reply(approval=approval, verdict=verdict, by=by, reason=reason)


class Announcing(TypedDict, total=False):
    """What `intent` takes besides its key."""

    asks: str
    effect: Effect
    name: str
    reserve: Amount | None
    told: int | None


class Telling(TypedDict, total=False):
    """What `record` takes besides its key."""

    value: Json
    asks: str
    usage: Amount | None
    payee: str


def intent(token: Token, key: str = "k", **fields: Unpack[Announcing]) -> Intent:
    """Announce a call; `asks` is the request that is fingerprinted."""
    return Intent(
        token=token,
        key=key,
        fingerprint=digest_of(fields.get("asks", "q")),
        effect=fields.get("effect", Effect.PURE),
        intent=fields.get("name", "i"),
        reserve=fields.get("reserve"),
        told=fields.get("told"),
    )


def record(token: Token, key: str = "k", **fields: Unpack[Telling]) -> Record:
    """Tell what a call returned."""
    return Record(
        token=token,
        key=key,
        fingerprint=digest_of(fields.get("asks", "q")),
        value=canonical(fields.get("value", 1)),
        usage=fields.get("usage"),
        payee=fields.get("payee", ""),
    )


def lapsed(token: Token, key: str = "k", *, charge: Amount | None = None, payee: str = "") -> Lapse:
    """Tell that a call ended without an answer."""
    return Lapse(token=token, key=key, fingerprint=digest_of("q"), charge=charge, payee=payee)


def knock(
    name: str,
    *,
    gate: str = "g",
    rates: Sequence[Rate] = (),
    limits: Limits = BOUNDLESS,
    gates: tuple[tuple[str, Limits], ...] | None = None,
    **fields: Unpack[KnockFields],
) -> Knock:
    """Knock at one gate, or at several."""
    limits = Limits(rates=tuple(rates)) if rates else limits
    return Knock(id=name, gates=((gate, limits),) if gates is None else gates, **fields)
