"""What a purse does with calls: reserve before, settle after, and never give back in silence.

Each function takes the purse and the step of the call and gives both as they are afterwards. The
sums always agree: `reserved` is that of the steps, and `spent` what the steps were charged. The
Redis library says the same in Lua (docs/contract.md, 24; docs/adr/0018).
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final, TypeAlias

from skep.records.errors import InvalidInput
from skep.records.purse import NOTHING, Amount, Budget, Purse, total
from skep.records.step import Step
from skep.records.values import Json

EMPTY: Final = "its purse is empty: raise its budget, finish with what there is, or stop"
"""Why a swarm is paused whose next call does not fit."""

CUT_SHORT: Final = "the swarm finishes with what there is"
"""Why a task is cancelled that is not among the last of its plan."""

AMOUNT_MAX: Final = 10**15
"""The largest number that an amount may hold: a million dollars, exact in every store."""

KEPT_PARTS: Final = 10
"""The last tasks have one part in so many to themselves."""

Changed: TypeAlias = tuple[Purse, Step]


class Fit(StrEnum):
    """Whether a reservation fits: now, when others are settled, or not at all."""

    FITS = "fits"
    WAITS = "waits"
    EMPTY = "empty"


def judge_reservation(purse: Purse, amount: Amount, *, is_last: bool) -> Fit:
    """Decide whether a call may be made that takes at most `amount`.

    >>> purse = Purse(budget=Budget(requests=1))
    >>> judge_reservation(purse, Amount(requests=1), is_last=True)
    <Fit.FITS: 'fits'>
    >>> judge_reservation(replace(purse, open=1), Amount(requests=2), is_last=True)
    <Fit.WAITS: 'waits'>
    """
    if not purse.overrun and _is_within(purse, amount, is_last=is_last):
        return Fit.FITS
    return Fit.WAITS if purse.open else Fit.EMPTY


def _is_within(purse: Purse, amount: Amount, *, is_last: bool) -> bool:
    budget, kept = purse.budget, NOTHING if is_last else purse.budget.kept
    total = purse.spent + purse.reserved + amount + kept
    if budget.nano_usd is not None and amount.nano_usd is None:
        return False  # nobody knows whether it fits
    return (
        (budget.requests is None or total.requests <= budget.requests)
        and (budget.tokens is None or total.tokens <= budget.tokens)
        and (budget.nano_usd is None or total.known_usd <= budget.nano_usd)
    )


def reserve(purse: Purse, step: Step, amount: Amount) -> Changed:
    """Reserve what a call may take at most."""
    reserved = replace(purse, reserved=purse.reserved + amount, open=purse.open + 1)
    return reserved, replace(step, reserved=amount)


def lose(purse: Purse, step: Step) -> Changed:
    """Count what a call had reserved as spent, for nobody can say whether it was made."""
    if step.reserved is None:
        return purse, step
    lost = step.reserved
    purse, step = _charge(_closed(purse, lost), step, lost)
    return replace(purse, lost=purse.lost + lost), step


def settle(purse: Purse, step: Step, usage: Amount | None, *, payee: str) -> Changed:
    """Count what an answer used, in the place of what its call had reserved.

    Without a `usage` the whole reservation counts. More than was reserved is an overrun. What
    reserved nothing is not counted: it was free, or its reservation was counted as lost.
    """
    held = step.reserved
    if held is None:
        return purse, step
    used = held if usage is None else usage
    purse, step = _charge(_closed(purse, held), step, used, payee=payee)
    return replace(purse, overrun=purse.overrun or used.exceeds(held)), step


def lapse(purse: Purse, step: Step, charge: Amount | None, *, payee: str) -> Changed:
    """Close a call that ended without an answer; None for one that was never paid for."""
    held = step.reserved
    if held is None:
        return purse, step
    if charge is None:
        return _closed(purse, held), replace(step, reserved=None)
    purse, step = _charge(_closed(purse, held), step, charge, payee=payee)
    return replace(purse, overrun=purse.overrun or charge.exceeds(held)), step


def raised(purse: Purse, asked: Budget) -> Purse:
    """Give a purse other limits, those that are named; what was blocked goes on."""
    now = purse.budget
    budget = replace(
        now,
        requests=now.requests if asked.requests is None else asked.requests,
        tokens=now.tokens if asked.tokens is None else asked.tokens,
        nano_usd=now.nano_usd if asked.nano_usd is None else asked.nano_usd,
    )
    return replace(purse, budget=budget, overrun=False, is_empty=False)


def with_kept(budget: Budget) -> Budget:
    """Keep a tenth of each limit for the last tasks of a plan, of two requests or more one.

    >>> with_kept(Budget(requests=8, nano_usd=50)).kept
    Amount(requests=1, tokens=0, nano_usd=5)
    """
    requests = budget.requests or 0
    kept = Amount(
        requests=max(requests // KEPT_PARTS, int(requests > 1)),
        tokens=(budget.tokens or 0) // KEPT_PARTS,
        nano_usd=(budget.nano_usd or 0) // KEPT_PARTS,
    )
    return replace(budget, kept=kept)


def check_amount(amount: Amount | None) -> None:
    """Refuse an amount that is none. Raises `InvalidInput`."""
    if amount is not None:
        _check_numbers(amount.requests, amount.tokens, amount.nano_usd)


def check_budget(budget: Budget | None) -> None:
    """Refuse a budget that is none. Raises `InvalidInput`."""
    if budget is not None:
        _check_numbers(budget.requests, budget.tokens, budget.nano_usd)
        check_amount(budget.kept)


def raised_told(purse: Purse, reason: str) -> dict[str, Json]:
    """What the event of a raised budget carries."""
    return {"budget": purse.budget.limits_as_json(), "reason": reason}


def lost_told(steps: Iterable[Step]) -> dict[str, Json]:
    """What the event of calls carries that nobody will settle, all of one task."""
    held = [step for step in steps if step.reserved is not None]
    lost = total(step.reserved for step in held if step.reserved is not None)
    return {"keys": list[Json](sorted(step.key for step in held)), "spent": lost.as_json()}


def empty_told(purse: Purse, key: str, asked: Amount) -> dict[str, Json]:
    """What the event of a purse carries from which a call could not be paid."""
    return {
        "key": key,
        "asked": asked.as_json(),
        "spent": purse.spent.as_json(),
        "budget": purse.budget.limits_as_json(),
    }


def overrun_told(key: str, *, held: Amount, used: Amount) -> dict[str, Json]:
    """What the event of a call carries that took more than it had reserved."""
    return {"key": key, "reserved": held.as_json(), "spent": used.as_json()}


def lapse_told(key: str, charge: Amount, payee: str) -> dict[str, Json]:
    """What the event of a call carries that was charged without an answer."""
    return {"key": key, "spent": charge.as_json(), "payee": payee}


def _check_numbers(*numbers: int | None) -> None:
    if any(number is not None and not 0 <= number <= AMOUNT_MAX for number in numbers):
        raise InvalidInput(f"A budget and an amount hold whole numbers from 0 to {AMOUNT_MAX}.")


def _closed(purse: Purse, held: Amount) -> Purse:
    return replace(purse, reserved=purse.reserved - held, open=purse.open - 1)


def _charge(purse: Purse, step: Step, amount: Amount, *, payee: str = "") -> Changed:
    purse = replace(
        purse,
        spent=purse.spent + amount,
        unpriced=purse.unpriced + (amount.requests if amount.nano_usd is None else 0),
    )
    spent = total([step.spent or NOTHING, amount])
    return purse, replace(step, reserved=None, spent=spent, payee=payee or step.payee)
