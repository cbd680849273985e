"""How commands are written as the JSON that the functions read."""

from collections.abc import Iterable
from typing import cast

from skep.policy.placement import skills_of
from skep.policy.references import of_entry, of_outcome, of_request, of_specs
from skep.records.codec import request_json, spec_text
from skep.records.command import Addition, Order, Submission
from skep.records.leadership import Mandate
from skep.records.lease import Offer, Token
from skep.records.outcome import (
    Blocked,
    Failed,
    Retried,
    Settlement,
    Snoozed,
    Succeeded,
    move_of,
    reason_of,
)
from skep.records.placement import Distribution, Shift
from skep.records.purse import Purse, amount_text, limits_text, purse_text
from skep.records.step import Entry, Intent, Lapse
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskSpec, lane_of
from skep.records.values import Digest, Json, canonical

GOALS = {
    SwarmMove.PAUSE: SwarmStatus.PAUSED,
    SwarmMove.INTERRUPT: SwarmStatus.INTERRUPTED,
    SwarmMove.CANCEL: SwarmStatus.CANCELLED,
}


def token_json(token: Token) -> dict[str, Json]:
    """A token."""
    return {
        "incarnation": token.incarnation,
        "swarm": token.swarm,
        "task": token.task,
        "run": token.run,
        "attempt": token.attempt,
        "nonce": token.nonce,
    }


def mandate_ask(mandate: Mandate | None) -> str:
    """A leader's mandate, or nothing where none is said; see `fenced_by_term` in 61_terms.lua."""
    if mandate is None:
        return ""
    return canonical(
        {"incarnation": mandate.incarnation, "node": mandate.node, "term": mandate.term}
    )


def submission_ask(submission: Submission, *, refused: bool) -> str:
    """A submission; `refused` when its plan was found wanting."""
    if refused:
        return canonical({**_whole(submission), "request": "", "refused": True, "tasks": []})
    plan, request = submission.plan.tasks, submission.request
    return canonical(
        {
            **_whole(submission),
            "request": canonical(request_json(request)),
            "refused": False,
            "tasks": list(map(_spec, plan, submission.spec_texts)),
            "blobs": digests_json(of_request(request) | of_specs(plan)),
        }
    )


def staging_ask(submission: Submission) -> str:
    """A large submission without its tasks, which come in pieces."""
    request = canonical(request_json(submission.request))
    blobs = digests_json(of_request(submission.request))
    return canonical({**_whole(submission), "request": request, "blobs": blobs})


def staged_spec(spec: TaskSpec, text: str) -> Json:
    """A task of a large submission, whose edges come after all tasks."""
    return {**_row(spec, text), "unmet": len(spec.after)}


def addition_ask(addition: Addition, *, refused: bool) -> str:
    """An addition; `refused` when its tasks were found wanting."""
    fields: dict[str, Json] = {
        "command": addition.command,
        "digest": addition.digest,
        "swarm": addition.swarm,
        "refused": refused,
        "tasks": [_spec(task, spec_text(task)) for task in addition.tasks],
        "blobs": digests_json(of_specs(addition.tasks)),
    }
    if addition.token is not None:
        fields["token"] = token_json(addition.token)
    return canonical(fields)


def distribution_ask(asked: Distribution) -> str:
    """A task for whichever swarm comes first."""
    return canonical(
        {
            "command": asked.command,
            "digest": asked.digest,
            "tasks": [_spec(asked.task, spec_text(asked.task))],
            "blobs": digests_json(of_specs([asked.task])),
            "placement": asked.placement,
            "needs": list[Json](sorted(asked.needs)),
            "by": asked.by,
        }
    )


def shift_ask(shift: Shift) -> str:
    """Tasks to move."""
    return canonical({"source": shift.source, "target": shift.target, "number": shift.number})


def offer_ask(offer: Offer) -> str:
    """An offer."""
    return canonical(
        {
            "worker": offer.worker,
            "queues": cast("Json", sorted(offer.queues)),
            "kinds": cast("Json", sorted(offer.kinds)),
            "capabilities": cast("Json", sorted(offer.capabilities)),
            "lease_s": offer.lease_s,
        }
    )


def settlement_ask(settlement: Settlement) -> str:
    """A settlement, with what the move and its event need."""
    outcome = settlement.outcome
    fields: dict[str, Json] = {
        "token": token_json(settlement.token),
        "digest": settlement.digest,
        "move": move_of(outcome),
        "reason": reason_of(outcome),
        "told": settlement.told_text,
        "blobs": digests_json(of_outcome(outcome)),
    }
    if isinstance(outcome, Retried | Failed):
        fields["is_failure"] = True
    if isinstance(outcome, Retried | Snoozed):
        fields["wake_at"] = repr(float(outcome.wake_at))
    if isinstance(outcome, Blocked):
        fields["awaits"] = list[Json](outcome.awaits)
    if isinstance(outcome, Succeeded):
        fields["outcome"] = outcome.text
        fields["artifacts"] = canonical(
            [
                [artifact.name, artifact.media_type, artifact.digest, artifact.size_bytes]
                for artifact in outcome.artifacts
            ]
        )
    return canonical(fields)


def order_ask(order: Order) -> str:
    """An order to steer."""
    return canonical(
        {
            "swarm": order.swarm,
            "move": order.move,
            "goal": GOALS.get(order.move, ""),
            "tasks": list[Json](order.tasks),
            "reason": order.reason,
            "max_agents": order.max_agents,
            "limits": limits_text(order.budget) if order.budget else "",
            "is_replay": order.is_replay,
            "text": order.text,
            "by": order.by,
            "command": order.command,
            "digest": order.digest,
        }
    )


def entry_ask(entry: Entry) -> str:
    """An intent, a result when it has a value, or the end of a call when it has `ended`."""
    fields: dict[str, Json] = {
        "token": token_json(entry.token),
        "key": entry.key,
        "fingerprint": entry.fingerprint,
    }
    if isinstance(entry, Intent):
        fields |= {"effect": entry.effect, "intent": entry.intent}
        fields |= {"reserve": amount_text(entry.reserve)} if entry.reserve else {}
        fields |= {"told": entry.told} if entry.told is not None else {}
    elif isinstance(entry, Lapse):
        fields |= {"ended": True, "charge": amount_text(entry.charge) or "", "payee": entry.payee}
    else:
        fields |= {"value": entry.value, "blobs": digests_json(of_entry(entry))}
        fields |= {"payee": entry.payee}
        fields |= {"usage": amount_text(entry.usage)} if entry.usage else {}
    return canonical(fields)


def digests_json(digests: Iterable[Digest]) -> Json:
    """The contents that something refers to."""
    return list[Json](sorted(digests))


def _whole(submission: Submission) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "command": submission.command,
        "digest": submission.digest,
        "swarm": submission.swarm,
        "sealed": submission.plan.sealed,
        "cap": submission.request.max_agents,
        "priority": submission.request.priority,
    }
    if submission.request.budget is not None:
        fields["purse"] = purse_text(Purse(budget=submission.request.budget))
    if submission.request.capabilities:
        fields["skills"] = skills_of(submission.request)
    if submission.request.timeout_s is not None:
        fields["timeout_s"] = submission.request.timeout_s
    return fields


def _spec(spec: TaskSpec, text: str) -> Json:
    return {**_row(spec, text), "after": list[Json](spec.after)}


def _row(spec: TaskSpec, text: str) -> dict[str, Json]:
    return {
        "key": spec.key,
        "spec": text,
        "lane": lane_of(spec),
        "priority": spec.priority,
        "tolerant": spec.tolerant,
        "delay_s": spec.delay_s,
        "timeout_s": spec.timeout_s,
        "attempts_max": spec.retry.attempts_max,
    }
