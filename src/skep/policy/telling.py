"""What a swarm may be told, and what becomes of it (docs/contract.md, 44)."""

from dataclasses import replace

from skep.records.command import Order
from skep.records.errors import InvalidInput, LimitExceeded, SwarmClosed
from skep.records.ids import SwarmId
from skep.records.limits import NAME_CHARS_MAX, TOLD_BYTES_MAX, TOLD_MAX
from skep.records.step import StepAnswer, StepVerdict
from skep.records.swarm import SwarmStatus
from skep.records.told import Told
from skep.records.values import Json, canonical

QUOTES = 2


def check_telling(order: Order) -> None:
    """Refuse a message that nobody can hear, or that is too long.

    Raises `InvalidInput` or `LimitExceeded`.
    """
    if not order.text.strip():
        raise InvalidInput("A message has words.", hint='Say it: skep tell ID "Mind the tests".')
    if len(order.tasks) > 1:
        raise InvalidInput(
            "A message is for one task, or for all.", hint="Tell each task by itself."
        )
    size = len(canonical(order.text).encode()) - QUOTES
    if size > TOLD_BYTES_MAX:
        raise LimitExceeded(
            limit="TOLD_BYTES_MAX",
            allowed=TOLD_BYTES_MAX,
            actual=size,
            subject="put what is longer into a file of the workspace, and tell its name",
        )
    if len(order.by) > NAME_CHARS_MAX:
        raise LimitExceeded(limit="NAME_CHARS_MAX", allowed=NAME_CHARS_MAX, actual=len(order.by))


def told_of(order: Order, *, held: int, at: float) -> Told:
    """Number the message of an order; `held` counts those that the swarm has. `LimitExceeded`."""
    number = held + 1
    if number > TOLD_MAX:
        raise LimitExceeded(limit="TOLD_MAX", allowed=TOLD_MAX, actual=number)
    task = order.tasks[0] if order.tasks else None
    return Told(swarm=order.swarm, number=number, text=order.text, by=order.by, at=at, task=task)


def told_data(told: Told) -> dict[str, Json]:
    """What the event of a message carries; its time is the event's own."""
    data = told.as_json()
    del data["at"]
    return data


def closed(swarm: SwarmId, status: SwarmStatus) -> SwarmClosed:
    """Refuse a message to a swarm that has ended."""
    return SwarmClosed(
        f"Swarm {swarm} is {status}; nobody in it would hear a message.",
        hint="`skep swarm retry` does its tasks again, and what is told then is heard.",
    )


def with_told(answer: StepAnswer, held: int) -> StepAnswer:
    """Add to an answer of the journal how many messages the swarm holds."""
    if not held or answer.verdict is StepVerdict.FENCED:
        return answer
    return replace(answer, told=held)
