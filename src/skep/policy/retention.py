"""Which swarms may be forgotten: only what has ended, and only long enough ago."""

from skep.records.swarm import ENDED, SwarmStatus


def is_due(status: SwarmStatus, ended_at: float | None, *, before: float) -> bool:
    """Say whether a swarm ended before a moment.

    >>> is_due(SwarmStatus.FAILED, 10.0, before=11.0), is_due(SwarmStatus.ACTIVE, None, before=11.0)
    (True, False)
    """
    return status in ENDED and ended_at is not None and ended_at < before
