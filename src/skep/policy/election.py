"""Elections: who leads, by the store's clock, and how long a leader may believe it, by its own.

The first half is the store's: it judges with one clock, inside one operation. The second half is
the leader's, who cannot see that clock: it counts on its own monotonic one, from a moment before it
asked, and stops leading a third of the lease before the store would let anybody else in.
"""

from dataclasses import dataclass, replace
from math import isinf
from typing import Final

from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate

LEADER_LEASE_S: Final = 30.0
"""How long a leader leads after it last told the store, unless the settings say otherwise."""

LEADER_LEASE_S_MIN: Final = 0.1
LEADER_LEASE_S_MAX: Final = 600.0

BEATS_PER_LEASE: Final = 3
"""How often a lease is renewed before it would run out."""

MARGIN: Final = 1 / 3
"""The part of its lease that a leader leaves unused: its clock may be slower than the store's."""

JITTER: Final = 0.25
"""The part of a pause by which candidates come apart."""

TERM_MAX: Final = 2**53 - 1
"""The highest term: beyond it a store that counts in doubles would count some twice."""


# --- the store's ----------------------------------------------------------------------------------


def holds(stands: Leadership | None, *, incarnation: str, now: float) -> bool:
    """Say whether somebody leads: elected in this life of the store, under a lease that stands.

    A deadline further away than two leases was written before the clock was set back, and counts
    as over, for else nobody could be elected for as long as the clock was moved.
    """
    if stands is None or stands.is_resigned or stands.incarnation != incarnation:
        return False
    return now < stands.expires_at <= now + 2 * stands.lease_s


def campaigned(
    stands: Leadership | None, candidate: Mandate, *, lease_s: float, now: float
) -> Leadership:
    """The leadership after somebody campaigned; `candidate.term` is the highest that it has seen.

    Who leads already and campaigns is another life of the leader, or did not get its answer:
    either way the next term begins, and what the earlier one still does is refused.
    """
    is_held = holds(stands, incarnation=candidate.incarnation, now=now)
    if stands is not None and is_held and stands.node != candidate.node:
        return stands
    return Leadership(
        incarnation=candidate.incarnation,
        node=candidate.node,
        term=max(stands.term if stands else 0, candidate.term) + 1,
        since=now,
        expires_at=now + lease_s,
        lease_s=lease_s,
    )


def may_act(stands: Leadership | None, mandate: Mandate, *, incarnation: str) -> bool:
    """Say whether a leader may write: nobody was elected after it, and it has not resigned."""
    if stands is None or stands.is_resigned or mandate.incarnation != incarnation:
        return False
    return stands.mandate == mandate


def renewed(stands: Leadership, *, lease_s: float, now: float) -> Leadership:
    """The leadership after its leader told that it is there."""
    return replace(stands, expires_at=now + lease_s, lease_s=lease_s)


def resigned(stands: Leadership, *, now: float) -> Leadership:
    """The leadership after its leader left it; its term is never held again."""
    return replace(stands, is_resigned=True, expires_at=now)


def answered(
    stands: Leadership, *, incarnation: str, now: float, mine: WorkerId | None = None
) -> Leadership:
    """Put on a leadership what only the moment of the answer tells."""
    is_held = holds(stands, incarnation=incarnation, now=now)
    return replace(stands, is_held=is_held, is_mine=is_held and stands.node == mine)


# --- the leader's ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """What a leader knows of its lease: asked for at a moment of its own monotonic clock.

    The store counted from some later moment, so the lease ends there no sooner than here.
    """

    mandate: Mandate
    lease_s: float
    asked_at: float

    @property
    def renew_at(self) -> float:
        """When to tell the store again."""
        return self.asked_at + self.lease_s / BEATS_PER_LEASE

    @property
    def ends_at(self) -> float:
        """When to believe in it no more."""
        return self.asked_at + self.lease_s - self.lease_s * MARGIN

    def stands(self, now: float) -> bool:
        """Say whether its holder may believe that it leads.

        >>> mandate = Mandate(incarnation="i", node=WorkerId("a"), term=1)
        >>> tenure = Tenure(mandate=mandate, lease_s=30.0, asked_at=100.0)
        >>> tenure.renew_at, tenure.stands(119.0), tenure.stands(121.0)
        (110.0, True, False)
        """
        return now < self.ends_at


def pause_s(tenure: Tenure | None, *, lease_s: float, now: float, jitter: float) -> float:
    """How long to rest before the next look: to the renewal, or to the next campaign.

    `jitter` is from 0 to 1. A leader whose renewal was not answered tries again soon.
    """
    beat_s = lease_s / BEATS_PER_LEASE
    if tenure is not None and tenure.stands(now):
        return max(tenure.renew_at - now, beat_s / BEATS_PER_LEASE)
    return beat_s * (1 - JITTER + JITTER * jitter)


def first_due_s(
    last: DutyRun | None, *, every_s: float, stands: Leadership, at_first_s: float
) -> float:
    """How long after its election a leader first does a duty.

    A duty goes on where the leader before left it. One that nobody has done comes after its pause,
    or after `at_first_s`, so that a process of a few seconds does not begin with the long ones. One
    without an end to its pause is done once in each term.
    """
    if isinf(every_s):
        is_done = last is not None and last.term == stands.term and not last.is_failure
        return every_s if is_done else 0.0
    if last is None:
        return min(every_s, at_first_s)
    age_s = max(0.0, stands.since - last.at)
    return max(0.0, every_s - age_s)
