"""The limits on what one command may carry, checked before anything is stored."""

from collections.abc import Sequence

from skep.records import limits
from skep.records.errors import LimitExceeded
from skep.records.outcome import Settlement, Succeeded
from skep.records.step import Entry, Record
from skep.records.values import Json, canonical


def check_entries(entries: Sequence[Entry]) -> None:
    """Refuse a step key or a value that is too long; raises `LimitExceeded`."""
    for entry in entries:
        _bound("STEP_KEY_CHARS_MAX", limits.STEP_KEY_CHARS_MAX, len(entry.key))
        if isinstance(entry, Record):
            _bound("VALUE_BYTES_MAX", limits.VALUE_BYTES_MAX, len(entry.value.encode()))


def check_settlements(settlements: Sequence[Settlement]) -> None:
    """Refuse an outcome that is too large for its record; raises `LimitExceeded`."""
    for settlement in settlements:
        if isinstance(settlement.outcome, Succeeded):
            size = len(canonical(settlement.outcome.value).encode())
            _bound("VALUE_BYTES_MAX", limits.VALUE_BYTES_MAX, size)


def check_notes(notes: Sequence[dict[str, Json]]) -> None:
    """Refuse a note that is too large for an event; raises `LimitExceeded`."""
    for note in notes:
        _bound("EVENT_BYTES_MAX", limits.EVENT_BYTES_MAX, len(canonical(note).encode()))


def check_blobs(contents: Sequence[bytes]) -> None:
    """Refuse a content that is too large for a blob; raises `LimitExceeded`."""
    for content in contents:
        _bound("BLOB_BYTES_MAX", limits.BLOB_BYTES_MAX, len(content))


def _bound(limit: str, allowed: int, actual: int) -> None:
    if actual > allowed:
        raise LimitExceeded(limit=limit, allowed=allowed, actual=actual)
