"""Purses: what a swarm may spend, has spent, and has reserved for calls that are under way."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from skep.records.values import Json

NANO: Final = 1_000_000_000
"""Nano-dollars in a dollar; all money is kept in them, as whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What calls take: requests, tokens, and nano-dollars, which are None for an unknown price."""

    requests: int = 0
    tokens: int = 0
    nano_usd: int | None = 0

    @property
    def known_usd(self) -> int:
        """Its nano-dollars, none for a price that nobody knows."""
        return self.nano_usd or 0

    def __add__(self, other: "Amount") -> "Amount":
        """Put two together; what has no price adds none, for it is counted beside."""
        return Amount(
            requests=self.requests + other.requests,
            tokens=self.tokens + other.tokens,
            nano_usd=self.known_usd + other.known_usd,
        )

    def __sub__(self, other: "Amount") -> "Amount":
        """Take one out of another."""
        return Amount(
            requests=self.requests - other.requests,
            tokens=self.tokens - other.tokens,
            nano_usd=self.known_usd - other.known_usd,
        )

    def exceeds(self, other: "Amount") -> bool:
        """Say whether it is more than another in any dimension that both know."""
        return (
            self.requests > other.requests
            or self.tokens > other.tokens
            or (other.nano_usd is not None and self.known_usd > other.nano_usd)
        )

    def as_json(self) -> dict[str, Json]:
        """Write it as events carry it."""
        return {"requests": self.requests, "tokens": self.tokens, "nano_usd": self.nano_usd}


NOTHING: Final = Amount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a swarm may spend; None does not limit.

    `kept` is the part of it that only the last tasks of the plan may draw on, so that a swarm
    that has spent the rest can still bring together what there is.
    """

    requests: int | None = None
    tokens: int | None = None
    nano_usd: int | None = None
    kept: Amount = NOTHING

    def limits_as_json(self) -> dict[str, Json]:
        """Write its limits as events carry them."""
        return {"requests": self.requests, "tokens": self.tokens, "nano_usd": self.nano_usd}


UNLIMITED: Final = Budget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The budget of a swarm, and what became of it.

    `spent` is what answers used and what calls without an answer were charged; `lost` is the part
    of it that calls had reserved of which nobody can say whether they were made. `open` counts the
    calls under way, `reserved` is what they may take at most. `unpriced` counts the calls in
    `spent` whose price nobody knows. An `overrun` blocks every further reservation until somebody
    raises the budget; `is_empty` says that the swarm was paused because a call did not fit.
    """

    budget: Budget = UNLIMITED
    spent: Amount = NOTHING
    reserved: Amount = NOTHING
    lost: Amount = NOTHING
    open: int = 0
    unpriced: int = 0
    overrun: bool = False
    is_empty: bool = False


UNTOUCHED: Final = Purse()
"""The purse of a swarm without a budget, from which nothing was taken."""


def total(amounts: Iterable[Amount]) -> Amount:
    """Add amounts up; the sum has no price as soon as one of them has none.

    >>> total([Amount(requests=1, nano_usd=None), Amount(requests=1, nano_usd=7)]).nano_usd is None
    True
    """
    parts = list(amounts)
    added = sum(parts, NOTHING)
    if any(part.nano_usd is None for part in parts):
        return replace(added, nano_usd=None)
    return added


def amount_text(amount: Amount | None) -> str | None:
    """Write an amount as one word.

    >>> amount_text(Amount(requests=1, tokens=300, nano_usd=None))
    '1,300,'
    """
    if amount is None:
        return None
    return f"{amount.requests},{amount.tokens},{_word(amount.nano_usd)}"


def amount_from(text: str | None) -> Amount | None:
    """Read an amount.

    >>> amount_from("1,300,") == Amount(requests=1, tokens=300, nano_usd=None)
    True
    """
    if not text:
        return None
    requests, tokens, nano_usd = text.split(",")
    return Amount(requests=int(requests), tokens=int(tokens), nano_usd=_number(nano_usd))


def limits_text(budget: Budget) -> str:
    """Write the limits of a budget as one word, without what it keeps.

    >>> limits_text(Budget(requests=100))
    '100,,'
    """
    return f"{_word(budget.requests)},{_word(budget.tokens)},{_word(budget.nano_usd)}"


def limits_of(purse: str | None) -> str:
    """Give the word of the limits out of that of a purse, which may never have been written.

    >>> limits_of(purse_text(Purse(budget=Budget(requests=9)))), limits_of(None)
    ('9,,', ',,')
    """
    return purse.partition("|")[0] if purse else limits_text(UNLIMITED)


def with_limits(budget: Budget | None, limits: str) -> Budget | None:
    """Give a budget the limits that a word tells; what it keeps stays.

    >>> with_limits(None, ",,") is None, with_limits(None, "9,,") == Budget(requests=9)
    (True, True)
    """
    if limits == limits_text(budget or UNLIMITED):
        return budget
    requests, tokens, nano_usd = map(_number, limits.split(","))
    return replace(budget or UNLIMITED, requests=requests, tokens=tokens, nano_usd=nano_usd)


def purse_text(purse: Purse) -> str:
    """Write a purse as one word, in the order of its fields.

    >>> purse_text(Purse(open=2, overrun=True))
    ',,|0,0,0|0,0,0|0,0,0|0,0,0|2|0|1|0'
    """
    amounts = (purse.budget.kept, purse.spent, purse.reserved, purse.lost)
    numbers = (purse.open, purse.unpriced, int(purse.overrun), int(purse.is_empty))
    words = [amount_text(amount) or "" for amount in amounts]
    return "|".join([limits_text(purse.budget), *words, *map(str, numbers)])


def purse_from(text: str | None) -> Purse:
    """Read a purse; a swarm from which nothing was ever taken has none written down.

    >>> purse_from(purse_text(Purse(open=2))) == Purse(open=2)
    True
    """
    if not text:
        return UNTOUCHED
    limits, kept, spent, reserved, lost, calls, unpriced, overrun, is_empty = text.split("|")
    requests, tokens, nano_usd = map(_number, limits.split(","))
    return Purse(
        budget=Budget(
            requests=requests, tokens=tokens, nano_usd=nano_usd, kept=amount_from(kept) or NOTHING
        ),
        spent=amount_from(spent) or NOTHING,
        reserved=amount_from(reserved) or NOTHING,
        lost=amount_from(lost) or NOTHING,
        open=int(calls),
        unpriced=int(unpriced),
        overrun=overrun == "1",
        is_empty=is_empty == "1",
    )


def _word(number: int | None) -> str:
    return "" if number is None else str(number)


def _number(word: str) -> int | None:
    return int(word) if word else None
