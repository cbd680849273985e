"""Invariants of what people told swarms: every message is kept once, as its event tells."""

from collections import defaultdict

from skep.policy.telling import told_data
from skep.ports.inspection import Dump
from skep.records.event import Event
from skep.records.ids import SwarmId
from skep.records.limits import TOLD_MAX
from skep.records.swarm import SwarmMove
from skep.records.told import Told
from skep.testing.invariants.report import hold


def check_told(dump: Dump) -> None:
    """Invariant 44: numbered from 1 without a gap, bounded, and told of once each."""
    kept = defaultdict[SwarmId, list[Told]](list)
    for told in dump.told:
        kept[told.swarm].append(told)
    events = defaultdict[SwarmId, list[Event]](list)
    for event in dump.events:
        if event.kind == SwarmMove.TELL:
            events[event.swarm].append(event)
    known = {swarm.id for swarm in dump.swarms}
    hold(44, f"messages to unknown swarms {kept.keys() - known}", that=kept.keys() <= known)
    for swarm in dump.swarms:
        _check_swarm(swarm.id, kept[swarm.id], events[swarm.id])


def _check_swarm(swarm: SwarmId, kept: list[Told], events: list[Event]) -> None:
    numbers = [told.number for told in kept]
    is_dense = numbers == list(range(1, len(kept) + 1))
    hold(44, f"{swarm} was told {numbers}", that=is_dense and len(kept) <= TOLD_MAX)
    stored = [(told.at, told_data(told)) for told in kept]
    told = [(event.at, dict(event.data)) for event in events]
    hold(44, f"{swarm} keeps {stored}, its events tell {told}", that=stored == told)
