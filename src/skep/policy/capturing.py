"""Which captures a swarm keeps, and when it is time for the next one."""

from collections.abc import Mapping, Sequence
from typing import Final

from skep.records.capture import CAPTURES_KEPT, IMAGED, Capture, CaptureKind
from skep.records.errors import InvalidInput, LimitExceeded
from skep.records.limits import (
    CAPTURE_BYTES_MAX,
    CAPTURE_LABEL_CHARS_MAX,
    CAPTURES_LABELLED_MAX,
)
from skep.records.swarm import ENDED, Swarm
from skep.records.task import TERMINAL
from skep.records.values import is_storable

SNAPSHOT_EVERY_S: Final = 300.0
"""How often a swarm that has changed is taken a snapshot of."""

KEPT: Final[Mapping[CaptureKind, int]] = {
    CaptureKind.STATE: 1,
    CaptureKind.CHECKPOINT: CAPTURES_KEPT,
    CaptureKind.SNAPSHOT: CAPTURES_KEPT,
}
"""How many captures of a kind stay without a label."""


def check_capture(capture: Capture) -> None:
    """Refuse what cannot be kept. Raises `InvalidInput` or `LimitExceeded`."""
    if not is_storable(capture.label):
        raise InvalidInput("A label is text without NUL characters.")
    if capture.kind is CaptureKind.STATE and capture.label:
        raise InvalidInput("A saved state has no label.", hint="Label a snapshot.")
    _bound("CAPTURE_LABEL_CHARS_MAX", CAPTURE_LABEL_CHARS_MAX, len(capture.label))
    _bound("CAPTURE_BYTES_MAX", CAPTURE_BYTES_MAX, capture.size_bytes)


def standing(captures: Sequence[Capture], new: Capture) -> Capture | None:
    """Give the capture that holds the same already: the newest of its kind and label, or none."""
    alike = [each for each in captures if (each.kind, each.label) == (new.kind, new.label)]
    newest = max(alike, key=lambda each: each.number, default=None)
    is_same = newest is not None and (newest.seq, newest.digest) == (new.seq, new.digest)
    return newest if is_same else None


def outdated(captures: Sequence[Capture], kind: CaptureKind) -> list[Capture]:
    """Name the captures of a kind that go, the new one being among them.

    >>> from dataclasses import replace
    >>> from skep.records.ids import SwarmId
    >>> one = Capture(swarm=SwarmId("s"), kind=CaptureKind.SNAPSHOT, number=1, at=0, seq=1)
    >>> all_ = [replace(one, number=n) for n in range(1, 13)]
    >>> [each.number for each in outdated(all_, CaptureKind.SNAPSHOT)]
    [1, 2]
    """
    loose = [each for each in captures if each.kind is kind and not each.label]
    return sorted(loose, key=lambda each: each.number)[: -KEPT[kind]]


def check_room(captures: Sequence[Capture], new: Capture) -> None:
    """Refuse one labelled capture too many. Raises `LimitExceeded`."""
    if new.label:
        held = sum(each.kind is new.kind and bool(each.label) for each in captures)
        _bound("CAPTURES_LABELLED_MAX", CAPTURES_LABELLED_MAX, held + 1)


def is_worth_it(swarm: Swarm) -> bool:
    """Say whether there is anything to lose: a standing team without tasks has nothing."""
    return swarm.status not in ENDED and swarm.tasks_total > 0


def is_due(swarm: Swarm, newest: Capture | None, *, now: float) -> bool:
    """Say whether it is time for a snapshot: something happened since, and not just now."""
    if newest is None:
        return True
    has_changed = swarm.last_seq > newest.seq
    return has_changed and now - newest.at >= SNAPSHOT_EVERY_S


def is_milestone(swarm: Swarm, newest: Capture | None) -> bool:
    """Say whether a swarm has come far enough for a checkpoint.

    That is when its plan grew, and when another quarter of its tasks has ended.
    """
    if newest is None:
        return True
    ended = sum(swarm.counts.get(status, 0) for status in TERMINAL)
    if swarm.tasks_total != newest.tasks:
        return True
    return (ended - newest.ended) * 4 >= swarm.tasks_total > 0 and ended > newest.ended


def newest_of(captures: Sequence[Capture], kind: CaptureKind) -> Capture | None:
    """Give the newest capture of a kind."""
    own = [each for each in captures if each.kind is kind]
    return max(own, key=lambda each: each.number, default=None)


def in_order(captures: Sequence[Capture]) -> list[Capture]:
    """Put captures with an image into the order in which recovery tries them."""
    imaged = [each for each in captures if each.kind in IMAGED]
    return sorted(imaged, key=lambda each: (IMAGED.index(each.kind), -each.number))


def _bound(name: str, allowed: int, actual: int) -> None:
    if actual > allowed:
        raise LimitExceeded(limit=name, allowed=allowed, actual=actual)
