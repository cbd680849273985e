"""What people told a task of a live swarm, read as one step of its journal."""

from collections.abc import Sequence

from skep.agent.brief import Brief
from skep.records.step import Effect
from skep.records.told import Told, told_from
from skep.records.values import Json


async def heard(brief: Brief, key: str, *, after: int = 0) -> Sequence[Told]:
    """Give what the task was told after a message, and in each later attempt the same.

    Raises as `RunJournal.step` does.
    """

    async def read() -> Json:
        return [each.as_json() for each in await told_to(brief, after=after)]

    # `after` is no part of the request: what was for others is passed over without a step, so a
    # takeover counts from an earlier message and must find the same step.
    stored = await brief.journal.step(key, key, read, effect=Effect.PURE)
    assert isinstance(stored, list)
    return [told_from(brief.grant.token.swarm, each) for each in stored]


async def told_to(brief: Brief, *, after: int) -> Sequence[Told]:
    """Read from the store what the task is to hear, after a message."""
    told = await brief.store.registry.told(brief.grant.token.swarm, after=after)
    return [each for each in told if each.is_for(brief.grant.token.task)]
