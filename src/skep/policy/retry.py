"""What a failure means for its task: try again, wait for a quota, or give up."""

from random import Random
from typing import assert_never

from skep.records.outcome import ErrorClass, Failed, Failure, HandedBack, Outcome, Retried, Snoozed
from skep.records.task import RetryPolicy

QUOTA_WAIT_S = 30.0
"""How long a task waits for a quota whose reset time the provider did not tell."""


def outcome_of(
    failure: Failure, *, failures: int, policy: RetryPolicy, now: float, chance: Random
) -> Outcome:
    """Turn a failure into the outcome of its attempt.

    `failures` counts the failed and lost attempts before this one. A transient error rests for a
    time drawn from the full jitter (Brooker, AWS Architecture Blog 2015), and at least until the
    provider's own time; a quota sleeps until that time and counts as no failure.
    """
    match failure.error_class:
        case ErrorClass.TRANSIENT:
            if failures + 1 >= policy.attempts_max:
                return Failed(failure=failure)
            rested = now + rest_s(failures, policy, chance)
            return Retried(failure=failure, wake_at=max(rested, failure.retry_at or rested))
        case ErrorClass.QUOTA:
            wake_at = failure.retry_at if failure.retry_at is not None else now + QUOTA_WAIT_S
            return Snoozed(reason=failure.message, wake_at=max(now, wake_at))
        case ErrorClass.PERMANENT | ErrorClass.BUDGET:
            return Failed(failure=failure)
        case ErrorClass.CANCELLED:
            return HandedBack(reason=failure.message)
        case _:
            assert_never(failure.error_class)


def rest_s(failures: int, policy: RetryPolicy, chance: Random) -> float:
    """Draw the rest before the next attempt, in seconds."""
    # The exponent is capped before the power, which would overflow a float at 1,024.
    ceiling = min(policy.cap_s, policy.base_s * 2.0 ** min(failures, 60))
    return chance.uniform(0, ceiling)
