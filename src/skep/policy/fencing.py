"""Whether a write may pass: the fence that every effectful operation checks."""

from skep.records.lease import Held, Token
from skep.records.outcome import SettleVerdict
from skep.records.task import TaskStatus


def is_same_grant(held: Held, token: Token) -> bool:
    """Say whether the token is the one of the last grant, void or not."""
    return (
        token.nonce != ""
        and token.nonce == held.nonce
        and (token.run, token.attempt) == (held.run, held.attempt)
        and token.incarnation == held.incarnation
    )


def is_current(held: Held, token: Token) -> bool:
    """Say whether the token gives the right to write now."""
    return is_same_grant(held, token) and not held.spent and held.status is TaskStatus.RUNNING


def judge(held: Held | None, token: Token, digest: str) -> SettleVerdict:
    """Decide what becomes of a settlement (docs/contract.md, 9, 10, 16 and 27)."""
    if held is None or not is_same_grant(held, token):
        return SettleVerdict.FENCED
    if held.spent:
        return SettleVerdict.ALREADY if held.spent == digest else SettleVerdict.CONFLICT
    if held.status is TaskStatus.RUNNING:
        return SettleVerdict.OK
    return SettleVerdict.LATE if held.status is TaskStatus.CANCELLED else SettleVerdict.FENCED
