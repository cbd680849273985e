"""Swarms that were rebuilt: what their logs tell of may be gone, and was said to be.

A log is never rewound, so it tells of answers, questions and calls whose records a recovery could
not bring back. For these swarms the checks ask that nothing stands that was not told of, and no
longer that all that was told of stands.
"""

from collections.abc import Iterable

from skep.records.event import Event, Remark
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmMove


def rebuilt_among(events: Iterable[Event]) -> set[SwarmId]:
    """Name the swarms that lost records and went on, and those that were made from an image."""
    return {
        event.swarm
        for event in events
        if event.kind == Remark.RESTORED
        or (
            event.kind == SwarmMove.REINSTATE
            and (event.data.get("written") or event.data.get("dropped"))
        )
    }
