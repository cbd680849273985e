"""When a lease has run out, and what its loss does to the task."""

from typing import Final

from skep.records.task import RetryPolicy, TaskMove

LEASE_S_MAX: Final = 60.0
"""The longest lease that may be asked for."""


def lease_end(*, now: float, lease_s: float, hard_until: float) -> float:
    """The deadline of a lease taken or renewed now: never past the start-to-close deadline."""
    return min(now + min(lease_s, LEASE_S_MAX), hard_until)


def is_expired(lease_until: float, *, now: float) -> bool:
    """Say whether a lease has run out.

    A deadline further away than the longest lease was written before the clock was set back, and
    counts as expired, for else a dead worker's task would wait as long as the clock was moved.
    """
    return lease_until < now or lease_until > now + 2 * LEASE_S_MAX


def loss_of(*, failures: int, retry: RetryPolicy) -> TaskMove:
    """The move of a task whose attempt was lost; `failures` counts this one too."""
    return TaskMove.GIVE_UP if failures >= retry.attempts_max else TaskMove.LOSE
