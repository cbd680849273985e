"""What a swarm's calls were charged, by task, agent and model: read from the steps themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from skep.agent.answers import Passed, answers_in
from skep.ports.store import Store
from skep.records.ids import SwarmId
from skep.records.purse import NANO, Amount, Purse, total
from skep.records.step import Step
from skep.records.task import Task

NOBODY: Final = "no answer"
"""Who was paid where a call was lost before anybody was known to have answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one step was charged, and for whom."""

    task: str
    agent: str
    model: str
    amount: Amount


async def steps_of(store: Store, swarm: SwarmId) -> Sequence[tuple[Task, Step]]:
    """Read every step of a swarm, with its task, in the order of its plan."""
    return [
        (task, step)
        for task in await store.registry.tasks(swarm)
        for run in range(1, task.run + 1)
        for step in await store.journal.read(task.ref, run=run)
    ]


def charges_of(steps: Sequence[tuple[Task, Step]]) -> Sequence[Charge]:
    """Find what of some steps was charged."""
    return [_charge(task, step, step.spent) for task, step in steps if step.spent]


async def passed_over_in(store: Store, steps: Sequence[tuple[Task, Step]]) -> Mapping[Passed, int]:
    """Count which models of a chain could not answer, by failure; the first one's words stand."""
    found: dict[tuple[str, str], list[Passed]] = {}
    for answer in await answers_in([step for _, step in steps], store.blobs):
        for passed in answer.passed_over:
            found.setdefault((passed.model, passed.code), []).append(passed)
    return {alike[0]: len(alike) for alike in found.values()}


def grouped(charges: Sequence[Charge], by: Callable[[Charge], str]) -> Mapping[str, Amount]:
    """Add charges up by a name of each."""
    parts: dict[str, list[Amount]] = {}
    for charge in charges:
        parts.setdefault(by(charge), []).append(charge.amount)
    return {name: total(amounts) for name, amounts in parts.items()}


def dollars(nano_usd: int | None) -> str:
    """Write money; what nobody knows is said so, and nothing is rounded to zero.

    >>> dollars(1_500_000_000), dollars(1), dollars(None)
    ('$1.50', '$0.000000001', 'unknown')
    """
    if nano_usd is None:
        return "unknown"
    whole, part = divmod(nano_usd, NANO)
    digits = f"{part:09}".rstrip("0")
    return f"${whole}.{digits:0<2}"


def spent_in_words(purse: Purse) -> str:
    """Say in one line what a purse has spent, of what; empty when nothing was."""
    spent, budget = purse.spent, purse.budget
    if not spent.requests and not purse.open:
        return ""
    priced = spent.requests > purse.unpriced
    cost = dollars(spent.nano_usd if priced or not purse.unpriced else None)
    if purse.unpriced and priced:
        cost += f" and {purse.unpriced} requests of unknown price"
    words = [
        _of(cost, dollars(budget.nano_usd) if budget.nano_usd is not None else None),
        f"{_of(str(spent.requests), budget.requests)} requests",
        f"{_of(str(spent.tokens), budget.tokens)} tokens",
    ]
    if purse.lost.requests:
        words.append(f"{purse.lost.requests} of the requests lost ({dollars(purse.lost.nano_usd)})")
    return ", ".join(words)


def _of(spent: str, limit: object) -> str:
    return spent if limit is None else f"{spent} of {limit}"


def _charge(task: Task, step: Step, amount: Amount) -> Charge:
    return Charge(
        task=task.ref.key, agent=task.spec.agent, model=step.payee or NOBODY, amount=amount
    )
