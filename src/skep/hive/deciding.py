"""Deciding what tasks ask: who may be a person at a terminal, a program, or (later) a web page."""

from skep.ports.store import Store
from skep.records.approval import Approval, Reply
from skep.records.errors import SkepError


async def decide(store: Store, reply: Reply) -> Approval:
    """Make a reply the decision, and give the approval as it stands then.

    Raises `AlreadyDecided`, `ApprovalWithdrawn`, `ApprovalNotFound`, or `InvalidInput`.
    """
    (answer,) = await store.approvals.decide([reply])
    if isinstance(answer, SkepError):
        raise answer
    (approval,) = await store.approvals.read([reply.approval])
    return approval
