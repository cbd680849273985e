"""Conflicts: a dispute is opened, told to its parties, and settled, by hand or by the leader.

A ruling follows from what the store wrote down, so anybody may ask for it, and asking twice is no
harm. That parties hear of a dispute is a courtesy: a message that cannot be sent holds up nothing.
"""

from collections.abc import Sequence
from typing import Final

from skep.hive.messenger import SwarmMessenger
from skep.ports.disputes import Disputes
from skep.records.case_codec import case_json
from skep.records.dispute import Case, Dispute
from skep.records.errors import SkepError
from skep.records.message import MessageType
from skep.records.sharing_errors import NotSettled

SETTLED_AT_ONCE: Final = 256
"""Disputes that one round of the leader looks at."""


async def announce(disputes: Disputes, asked: Dispute, messenger: SwarmMessenger) -> Case:
    """Open a dispute, and tell each party but the sender of it; raises as `Disputes.open` does."""
    case = one(await disputes.open([asked]))
    for party in asked.parties:
        if party != messenger.address.swarm:
            await messenger.send(party, MessageType.CONFLICT_DETECTED, case_json(case))
    return case


async def settle_open(disputes: Disputes) -> int:
    """Settle every open dispute that can be settled now; returns how many were."""
    waiting = await disputes.find(is_open=True, limit=SETTLED_AT_ONCE)
    answers = await disputes.settle([case.dispute.id for case in waiting])
    for answer in answers:
        if isinstance(answer, SkepError) and not isinstance(answer, NotSettled):
            raise answer
    return sum(isinstance(answer, Case) for answer in answers)


def one(answers: Sequence[Case | SkepError]) -> Case:
    """Give the one answer, or raise it."""
    [answer] = answers
    if isinstance(answer, SkepError):
        raise answer
    return answer
