"""The limits on what one command may carry, checked before anything is stored."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from skep.policy.election import LEADER_LEASE_S_MAX, LEADER_LEASE_S_MIN, TERM_MAX
from skep.policy.purse import check_amount
from skep.records import limits
from skep.records.approval import ASKED, Ask, Reply, Verdict
from skep.records.command import Order
from skep.records.errors import InvalidInput, LimitExceeded
from skep.records.gate import GateReport, Knock
from skep.records.leadership import DutyRun
from skep.records.outcome import Blocked, Settlement, Succeeded, reason_of
from skep.records.purse import Amount
from skep.records.step import Entry, Intent, Lapse, Record
from skep.records.values import Json, canonical, is_storable


def check_entries(entries: Sequence[Entry]) -> None:
    """Refuse a step key or a value that is too long, or that no store can keep.

    What a person decides is recorded by the decision alone, so its key is refused here.
    """
    for entry in entries:
        _check_key(entry.key)
        match entry:
            case Intent():
                check_amount(entry.reserve)
            case Record():
                _check_text(entry.value, subject="step's value")
                _bound("VALUE_BYTES_MAX", limits.VALUE_BYTES_MAX, _bytes_of(entry.value))
                _check_paid(entry.usage, entry.payee)
            case Lapse():
                _check_paid(entry.charge, entry.payee)


@lru_cache(maxsize=1_024)
def _check_key(key: str) -> None:
    """Refuse a step's key; the agents of a swarm use the same ones, so each is looked at once."""
    if key.startswith(ASKED):
        raise InvalidInput(f"A step key under {ASKED!r} belongs to a question to a person.")
    _bound("STEP_KEY_CHARS_MAX", limits.STEP_KEY_CHARS_MAX, len(key))
    _check_text(key, subject="step's key")


def _check_paid(amount: Amount | None, payee: str) -> None:
    if payee:
        _check_text(payee, subject="name of who is paid")
    if amount is not None:
        check_amount(amount)


def check_asks(asks: Sequence[Ask]) -> None:
    """Refuse a question that is too large, or that no store can keep."""
    for ask in asks:
        if not ask.key.startswith(ASKED):
            raise InvalidInput(f"The key of a question begins with {ASKED!r}.")
        if not ask.question.strip():
            raise InvalidInput("A question has words.")
        _bound("STEP_KEY_CHARS_MAX", limits.STEP_KEY_CHARS_MAX, len(ask.key))
        _bound("QUESTION_CHARS_MAX", limits.QUESTION_CHARS_MAX, len(ask.question))
        size = _size(ask.detail, subject="detail of a question")
        _bound("DETAIL_BYTES_MAX", limits.DETAIL_BYTES_MAX, size)
        _check_text(ask.key + ask.question + canonical(ask.detail), subject="question")
        if ask.expires_s is not None and not 0 < ask.expires_s <= limits.SECONDS_MAX:
            raise LimitExceeded(
                limit="SECONDS_MAX", allowed=limits.SECONDS_MAX, actual=ask.expires_s
            )


def check_replies(replies: Sequence[Reply]) -> None:
    """Refuse a reply that nobody can give, or that is too large."""
    for reply in replies:
        if reply.verdict is Verdict.EXPIRED:
            raise InvalidInput("A question expires by itself; approve or deny it.")
        if not reply.by.strip():
            raise InvalidInput("A decision needs the name of who made it.")
        _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(reply.by))
        _bound("DECISION_REASON_CHARS_MAX", limits.DECISION_REASON_CHARS_MAX, len(reply.reason))
        _check_text(reply.by + reply.reason, subject="reply")


def check_settlements(settlements: Sequence[Settlement]) -> None:
    """Refuse an outcome that is too large for its record, or that no store can keep."""
    for settlement in settlements:
        outcome = settlement.outcome
        _check_text(reason_of(outcome), subject="reason of an outcome")
        if isinstance(outcome, Blocked):
            _bound("AWAITS_MAX", limits.AWAITS_MAX, len(outcome.awaits))
        if isinstance(outcome, Succeeded):
            _check_success(outcome)


def check_orders(orders: Sequence[Order]) -> None:
    """Refuse a reason, a command id or a message that no store can keep."""
    for order in orders:
        _check_text(order.reason, subject="reason of an order")
        _check_text(order.command, subject="command of an order")
        _check_text(order.text + order.by, subject="text of a message")


def check_remarks(remarks: Sequence[dict[str, Json]]) -> None:
    """Refuse a remark that is too large for an event, or that no store can keep."""
    for remark in remarks:
        _bound("EVENT_BYTES_MAX", limits.EVENT_BYTES_MAX, _size(remark, subject="remark"))


def check_blobs(contents: Sequence[bytes]) -> None:
    """Refuse a content that is too large for a blob; raises `LimitExceeded`."""
    for content in contents:
        _bound("BLOB_BYTES_MAX", limits.BLOB_BYTES_MAX, len(content))


def check_knocks(knocks: Sequence[Knock]) -> None:
    """Refuse a knock that names no pass, the same gate twice, or a number that is none."""
    for knock in knocks:
        names = [name for name, _ in knock.gates]
        if not knock.id or not names or len(set(names)) < len(names):
            raise InvalidInput("A knock has an id, and each of its gates once.")
        _bound("KNOCK_GATES_MAX", limits.KNOCK_GATES_MAX, len(names))
        for text in (knock.id, *names):
            _check_gate(text)
        _check_tokens(knock.tokens)
        if not (0 <= knock.patience_s < knock.expires_s <= limits.SECONDS_MAX):
            raise InvalidInput("A knock's patience is shorter than the life of its pass.")


def check_gate_reports(reports: Sequence[GateReport]) -> None:
    """Refuse a report whose numbers are none."""
    for report in reports:
        _check_gate(report.gate)
        _check_gate(report.id)
        _check_tokens(report.tokens or 0)
        _check_tokens(report.successes)
        if report.rest_s is not None and not 0 <= report.rest_s <= limits.SECONDS_MAX:
            raise LimitExceeded(
                limit="SECONDS_MAX", allowed=limits.SECONDS_MAX, actual=report.rest_s
            )


def check_campaign(node: str, *, lease_s: float, seen: int) -> None:
    """Refuse a candidate without a name, a lease that is none, or a term beyond all counting."""
    if not node.strip():
        raise InvalidInput("Who leads has a name.")
    _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(node))
    _check_text(node, subject="name of a node")
    check_leader_lease(lease_s)
    if not 0 <= seen < TERM_MAX:
        raise InvalidInput(f"A term is a number from 0 to {TERM_MAX}.")


def check_leader_lease(lease_s: float) -> None:
    """Refuse a lease that no leader could keep, or that nobody could wait for."""
    if not LEADER_LEASE_S_MIN <= lease_s <= LEADER_LEASE_S_MAX:
        raise InvalidInput(
            f"The lease of a leader is from {LEADER_LEASE_S_MIN:g} to {LEADER_LEASE_S_MAX:g} s."
        )


def check_duty_run(run: DutyRun) -> None:
    """Refuse words about a duty that are too long, or that no store can keep."""
    if not run.duty.strip():
        raise InvalidInput("A duty has a name.")
    _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(run.duty))
    _bound("DUTY_RESULT_CHARS_MAX", limits.DUTY_RESULT_CHARS_MAX, len(run.result))
    _check_text(run.duty + run.result, subject="result of a duty")


def _check_gate(text: str) -> None:
    _bound("GATE_CHARS_MAX", limits.GATE_CHARS_MAX, len(text))
    _check_text(text, subject="name of a gate or a pass")


def _check_tokens(number: int) -> None:
    if number < 0:
        raise InvalidInput("A number of tokens or requests is not negative.")
    _bound("KNOCK_TOKENS_MAX", limits.KNOCK_TOKENS_MAX, number)


def _bound(limit: str, allowed: int, actual: int) -> None:
    if actual > allowed:
        raise LimitExceeded(limit=limit, allowed=allowed, actual=actual)


def _check_text(text: str, *, subject: str) -> None:
    if not is_storable(text):
        raise InvalidInput(f"The {subject} holds a NUL or half of a surrogate pair.")


def _check_success(outcome: Succeeded) -> None:
    size = _measured(lambda: outcome.text, subject="value of an outcome")
    _bound("VALUE_BYTES_MAX", limits.VALUE_BYTES_MAX, size)
    for artifact in outcome.artifacts:
        _check_text(artifact.name + artifact.media_type, subject="name of an artefact")


def _bytes_of(text: str) -> int:
    """Count the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _size(value: Json, *, subject: str) -> int:
    return _measured(lambda: canonical(value), subject=subject)


def _measured(written: Callable[[], str], *, subject: str) -> int:
    """Count the bytes of what is written as it is stored; refuse what is no JSON."""
    try:
        return _bytes_of(written())
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"The {subject} is no JSON that can be stored: {error}.") from error
