"""Hearing what people tell a live swarm: at the start of a turn, and the same again on a takeover.

How many messages the swarm holds comes with the grant and with every answer of the journal, so a
turn without news asks the store for nothing; and the store opens no request over the head of a
message that its attempt does not know of. What is heard is a step of its own before the turn's
request, and a turn whose request was begun without it hears nothing: so a takeover has the same
conversation to the letter.
"""

from skep.agent.conversation import spoken
from skep.agent.talk import Talk
from skep.agent.told import heard, told_to


async def hear(talk: Talk, turn: int, place: int) -> int:
    """Add to a conversation what was told since its last turn, before that turn's request.

    More than once, where there is more by the time that the request would be begun: `place` counts
    from 1 how often a turn hears; returns that of the next time.
    """
    while True:
        key = f"turn/{turn}/told" if place == 1 else f"turn/{turn}/told/{place}"
        if not talk.brief.journal.is_recorded(key) and not await _has_news(talk, turn):
            return place
        told = await heard(talk.brief, key, after=talk.heard)
        talk.heard = max(talk.heard, *(each.number for each in told))
        talk.conversation.extend(spoken(told))
        place += 1


async def _has_news(talk: Talk, turn: int) -> bool:
    """Say whether a turn whose request was not begun yet may hear something new."""
    held = talk.brief.journal.told
    if held <= talk.heard or talk.brief.journal.is_begun(f"turn/{turn}/model"):
        return False
    await talk.brief.journal.flush()
    if await told_to(talk.brief, after=talk.heard):
        return True
    talk.heard = held  # all of it is for other tasks
    return False
