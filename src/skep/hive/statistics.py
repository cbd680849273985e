"""The statistics of a fleet, in one document whose schema docs/fleet.md has."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from skep.hive.opening import Parts
from skep.hive.seat import SwarmSeat
from skep.hive.state import SwarmState
from skep.records.swarm import SwarmStatus
from skep.records.values import Json


class RegistryStatistics(TypedDict):
    """Swarms of the whole fleet; `by_status` counts those that are here."""

    active_swarms: int
    total_registered: int
    live: int
    by_status: dict[str, int]
    archived: int
    recoveries_performed: int
    tasks_distributed: int
    messages_sent: int
    state_errors: int


class MessengerStatistics(TypedDict):
    """What one messenger of this process sent, and the types that it handles."""

    messages_sent: int
    subscriptions: Sequence[str]


class CoordinatorStatistics(TypedDict):
    """The seat of one swarm in this process."""

    swarm: str
    is_leader: bool
    messenger: MessengerStatistics


class LeadershipStatistics(TypedDict):
    """Who leads, and in which term; None before the first election."""

    leader: str | None
    term: int
    is_leader: bool


class FleetStatistics(TypedDict):
    """All of it: `coordinators` are those of this process, everything else is the fleet's."""

    registry: RegistryStatistics
    state: dict[str, Json]
    leadership: LeadershipStatistics
    nodes: int
    coordinators: list[CoordinatorStatistics]


async def gathered(parts: Parts, state: SwarmState, seats: Iterable[SwarmSeat]) -> FleetStatistics:
    """Read the figures; those of the registry are of one moment."""
    stands = await parts.store.terms.read()
    leads = parts.coordinator is not None and parts.coordinator.is_leader
    return FleetStatistics(
        registry=await _registry(parts),
        state=await state.statistics(),
        leadership=LeadershipStatistics(
            leader=stands.node if stands else None,
            term=stands.term if stands else 0,
            is_leader=leads,
        ),
        nodes=len(await parts.store.census.nodes()),
        coordinators=[_coordinator(seat) for seat in seats],
    )


async def _registry(parts: Parts) -> RegistryStatistics:
    found = await parts.registry.statistics()
    return RegistryStatistics(
        active_swarms=found.by_status.get(SwarmStatus.ACTIVE, 0),
        total_registered=found.registered,
        live=found.live,
        by_status={str(status): count for status, count in found.by_status.items()},
        archived=found.archived,
        recoveries_performed=found.recoveries,
        tasks_distributed=found.tasks_distributed,
        messages_sent=found.messages_sent,
        state_errors=found.state_errors,
    )


def _coordinator(seat: SwarmSeat) -> CoordinatorStatistics:
    messenger = seat.messenger
    return CoordinatorStatistics(
        swarm=seat.swarm,
        is_leader=seat.is_leader,
        messenger=MessengerStatistics(
            messages_sent=messenger.messages_sent, subscriptions=messenger.subscriptions
        ),
    )
