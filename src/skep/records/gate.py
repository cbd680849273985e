"""Gates: what a provider, or one model of it, lets through, shared by all workers of a store.

A request that needs leave knocks at its gates, all of them in one operation, and is admitted or
waits. Moments are seconds since 1970 by the store's clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias


class Unit(StrEnum):
    """What a rate counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"


class WaitReason(StrEnum):
    """Why a gate lets nothing through now."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    AT_ONCE = "at_once"
    BREAKER = "breaker"
    REST = "rest"


class Passage(StrEnum):
    """What became of a request behind a gate: `untold` says nothing of how well the gate is."""

    OK = "ok"
    FAILED = "failed"
    LIMITED = "limited"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most so many requests or tokens in any stretch of `per_s` seconds."""

    unit: Unit
    most: int
    per_s: float

    @property
    def key(self) -> str:
        """Which meter it is kept by.

        >>> Rate(unit=Unit.REQUESTS, most=50, per_s=60.0).key
        'requests/60'
        """
        return f"{self.unit}/{self.per_s:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a gate lets through: by its rates, and how many requests at once (None: any number)."""

    rates: tuple[Rate, ...] = ()
    at_once: int | None = None


BOUNDLESS: Final = Limits()
"""The limits of a gate that only its breaker and its rests can close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """Asks leave for one request at its gates, each with the limits in force.

    `id` names the pass; the same knock again is the same pass. `tokens` is what the request may
    take at most, and `patience_s` how long the caller would wait in place for its turn. A pass of
    which nothing is told for `expires_s` from its turn on is free again.
    """

    id: str
    gates: tuple[tuple[str, Limits], ...]
    tokens: int = 0
    patience_s: float = 0.0
    expires_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The request may be made in `wait_s` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The request may not be made now; at `until` it is worth while to knock again."""

    gate: str
    reason: WaitReason
    until: float


KnockAnswer: TypeAlias = Admitted | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """What came of a request at one gate.

    `id` names its pass, and is empty for a request that needed none. `tokens` is what it really
    took, `rest_s` how long the provider wants to be left alone, by its own word. `successes` is
    how many other requests went well lately of which nothing was told.
    """

    gate: str
    passage: Passage
    id: str = ""
    tokens: int | None = None
    rest_s: float | None = None
    successes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """How far one rate is used: until when what was let through keeps it busy.

    `promised_until` is up to when turns were promised to those who wait, and `unit_s` how long
    one request or token keeps it busy.
    """

    busy_until: float = 0.0
    promised_until: float = 0.0
    unit_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """How well a gate's requests go: closed while `open_until` is 0.

    `ok` and `failed` count since `since`. `trips` counts how often it opened since it was last
    well; `probe` is the pass of the one request that finds out whether it is well again.
    """

    since: float = 0.0
    ok: int = 0
    failed: int = 0
    trips: int = 0
    open_until: float = 0.0
    probe: str = ""
    probe_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One request behind a gate: its turn, until when it counts, and the tokens it may take."""

    id: str
    since: float
    until: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate as the store has it; its passes are those of which nothing was told yet, by id.

    `rest_until` is the provider's own word. `held_s` is how long requests take of late, and
    `promised_until` up to when places were promised to those who wait for one.
    """

    name: str
    meters: Mapping[str, Meter] = field(default_factory=dict[str, Meter])
    breaker: Breaker = field(default_factory=Breaker)
    rest_until: float = 0.0
    held_s: float = 10.0
    promised_until: float = 0.0
    passes: tuple[Pass, ...] = ()


def provider_of(gate: str) -> str:
    """Name the provider behind a gate.

    >>> provider_of("anthropic:claude-sonnet-4-6"), provider_of("anthropic")
    ('anthropic', 'anthropic')
    """
    return gate.partition(":")[0]
