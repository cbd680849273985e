"""The seed's coordination system (002), line by line in Python, on SQLite and on a real Redis.

On Redis the keys and channels have the seed's names.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.servers import redis_server

import skep
from skep.agent.function import Roster, TaskContext
from skep.compose import open_hive
from skep.records.dispute import ConflictRule
from skep.records.errors import SwarmNotFound
from skep.records.message import Message
from skep.records.placement import Placement
from skep.records.pool import AllocationState
from skep.records.swarm import SwarmStatus
from skep.records.values import Json

WAIT_S = 30.0
ROSTER = Roster()


@ROSTER.agent("developer")
async def develop(task: TaskContext, description: str) -> str:
    """Do what the task says."""
    return f"done: {description}"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the module's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def client(url: str) -> Any:
    """A client of a server that knows nothing of Skep."""
    untyped: Any = redis.Redis
    return untyped.from_url(url, decode_responses=True)


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store on each driver that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'work.db'}"
    server = request.getfixturevalue("redis_url")
    client(server).flushdb()
    return str(server)


@pytest.fixture
async def coordination(url: str, tmp_path: Path) -> AsyncGenerator[skep.Fleet]:
    """The coordination system, initialized, with a developer in its process."""
    opened = open_hive(url, folder=tmp_path, roster=ROSTER, announces=True)
    await opened.initialize()
    yield opened
    await opened.shutdown()


async def until(look: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not await look():
            await asyncio.sleep(0.02)


async def team(coordination: skep.Fleet, name: str, **metadata: Json) -> str:
    """Create a swarm that can take a task or two at once; gives its id."""
    made = await coordination.create_swarm(
        f"Be team {name}", strategy="development", mode="mesh", max_agents=2, metadata=metadata
    )
    return made.swarm.id


async def test_the_quick_start(coordination: skep.Fleet) -> None:
    """Create, send, distribute, snapshot, deregister: each does what the seed's page says."""
    target = await team(coordination, "target")
    swarm, coordinator = await coordination.create_swarm(
        "Build REST API",
        strategy="development",
        mode="mesh",
        max_agents=5,
        metadata={"phase": "backend", "priority": "high"},
    )
    await until(lambda: asyncio.sleep(0, coordinator.is_leader))

    await coordination.send_message(
        swarm.id,
        target,
        {"type": "collaboration_request", "data": {"endpoints": ["/api/auth", "/api/users"]}},
    )
    placed = await coordination.distribute_task(
        swarm.id,
        {"description": "Implement authentication", "priority": "high"},
    )
    snapshot = await coordination.create_snapshot(swarm.id, "before_deployment")
    await until(lambda: _is_done(coordination, placed.ref.swarm))
    ended = await coordination.deregister_swarm(swarm.id, "completed")

    [posted, *_] = await coordination.get_messenger(target).history()
    assert (posted.message.type, posted.message.sender.swarm) == ("collaboration_request", swarm.id)
    [task] = await coordination.swarm(placed.ref.swarm).tasks()
    assert (task.spec.title, task.spec.priority) == ("Implement authentication", 7)
    assert task.outcome is not None
    assert "done: Implement authentication" in task.outcome
    assert snapshot.label == "before_deployment"
    assert ended is SwarmStatus.COMPLETED


async def _is_done(coordination: skep.Fleet, swarm: str) -> bool:
    return all(task.outcome for task in await coordination.swarm(swarm).tasks())


async def test_swarms_are_found_by_what_they_are(coordination: skep.Fleet) -> None:
    """By id, and by status, strategy, phase and mode, a page at a time, youngest first.

    Of the same millisecond, any may come first.
    """
    mine = [await team(coordination, str(n), phase="backend") for n in range(3)]
    other = await team(coordination, "other", phase="frontend")

    found = await coordination.get_swarm(other)
    first = await coordination.get_swarms(status=SwarmStatus.ACTIVE, phase="backend", limit=2)
    rest = await coordination.get_swarms(
        status=SwarmStatus.ACTIVE, phase="backend", limit=2, cursor=first.cursor
    )

    assert found.request.metadata == {"phase": "frontend"}
    assert [each.id for page in (first, rest) for each in page.swarms] == sorted(mine)[::-1]
    assert rest.cursor is None
    with pytest.raises(SwarmNotFound):
        await coordination.get_swarm("nobody")


async def test_handlers_get_payload_and_envelope(coordination: skep.Fleet) -> None:
    """A handler is told of an assigned task, and by whom; a broadcast reaches the others."""
    sender, receiver = await team(coordination, "a"), await team(coordination, "b")
    heard = asyncio.Queue[tuple[Json, Message]]()
    messenger = coordination.get_messenger(receiver)
    for kind in ("task_assignment", "announcement"):
        messenger.on_message(kind, lambda payload, envelope: heard.put((payload, envelope)))

    await coordination.send_message(
        sender, receiver, {"type": "task_assignment", "data": {"task": {"description": "Test"}}}
    )
    async with asyncio.timeout(WAIT_S):
        payload, envelope = await heard.get()
    sent = await coordination.broadcast(sender, {"type": "announcement", "data": "Lunch"})
    async with asyncio.timeout(WAIT_S):
        called, from_ = await heard.get()

    assert payload == {"task": {"description": "Test"}}
    assert envelope.sender.swarm == sender
    assert (called, from_.is_broadcast, sent.accepted) == ("Lunch", True, 1)
    assert set(messenger.subscriptions) == {"announcement", "task_assignment"}


async def test_the_four_ways_to_distribute(coordination: skep.Fleet) -> None:
    """Each strategy chooses as the seed says, and tells why; the chosen swarm does the task."""
    plain = await team(coordination, "plain", priority="low")
    skilled = await team(
        coordination, "skilled", priority="normal", capabilities=["backend", "security"]
    )
    urgent = await team(coordination, "urgent", priority="critical")
    coordinator = coordination.get_coordinator(plain)
    task: dict[str, Json] = {"description": "Do it", "capabilities": ["security"]}

    chosen: dict[str, list[str]] = {}
    for strategy in Placement:
        coordinator.config.task_distribution_strategy = strategy
        for _ in range(3):
            placed = await coordination.distribute_task(plain, task)
            assert placed.choice.reason.startswith(strategy)
            await until(lambda swarm=placed.ref.swarm: _is_done(coordination, swarm))
            chosen.setdefault(strategy, []).append(placed.ref.swarm)

    assert set(chosen["round_robin"]) == {plain, skilled, urgent}
    assert set(chosen["priority"]) == {urgent}
    assert set(chosen["capability"]) == {skilled}
    assert len(chosen["least_loaded"]) == 3


async def test_resources_are_never_exceeded(coordination: skep.Fleet) -> None:
    """What is allocated fits into the pool; who waits gets it when it is released."""
    first, second = await team(coordination, "a"), await team(coordination, "b")
    await coordination.declare_resource("cpu", 300)
    await coordination.declare_resource("memory", 8192)

    held = await coordination.allocate_resource(first, "cpu", 200)
    await coordination.allocate_resource(first, "memory", 4096)
    waiting = await coordination.allocate_resource(second, "cpu", 200, priority="high")
    released = await coordination.release_resource(first, "cpu")
    now = await coordination.allocate_resource(second, "cpu", 200, priority="high", id=waiting.id)

    states = [held.state, waiting.state, now.state]
    assert states == [AllocationState.HELD, AllocationState.QUEUED, AllocationState.HELD]
    assert released == 200


async def test_the_three_ways_to_settle_a_conflict(coordination: skep.Fleet) -> None:
    """By priority, by who came first, and by votes: a winner, and the reason."""
    older = await team(coordination, "older", priority="normal")
    higher = await team(coordination, "higher", priority="high")
    coordinator = coordination.get_coordinator(older)
    winners = dict[str, str]()

    for rule in ConflictRule:
        coordinator.config.conflict_resolution_strategy = rule
        is_vote = rule is ConflictRule.VOTING
        resolution = await coordinator.resolve_conflict(
            "resource_conflict",
            [older, higher],
            ballots={"ann": older, "bob": older, "cleo": higher} if is_vote else {},
            electorate=["ann", "bob", "cleo"] if is_vote else [],
            quorum=2 if is_vote else 0,
        )
        assert resolution.reason
        winners[rule] = resolution.winner

    assert winners == {"priority": higher, "timestamp": older, "voting": older}


async def test_the_recovery_loop(coordination: skep.Fleet) -> None:
    """What was interrupted is discovered and recovered, with a confidence and its facts."""
    swarm, _ = await coordination.create_swarm("Come back", max_agents=1)
    await coordination.create_checkpoint(swarm.id, "milestone")
    await swarm.interrupt("its host is gone")

    recovered = [
        await coordination.recover_swarm(found.id)
        for found in await coordination.discover_interrupted_swarms()
    ]

    [recovery] = recovered
    assert (recovery.swarm, recovery.success) == (swarm.id, True)
    assert 0.5 <= recovery.confidence <= 0.95
    assert recovery.facts
    assert (await swarm.state()).status is SwarmStatus.ACTIVE


async def test_the_statistics(coordination: skep.Fleet) -> None:
    """What the seed's monitoring reads is there, under its names."""
    swarm = await team(coordination, "a")
    await team(coordination, "b")
    await coordination.broadcast(swarm, {"type": "announcement"})
    await coordination.create_snapshot(swarm)

    stats = await coordination.get_statistics()

    assert stats["registry"]["active_swarms"] == 2
    assert stats["registry"]["total_registered"] == 2
    assert stats["state"]["snapshot"] == 1
    assert stats["nodes"] == 1
    [seat] = [seat for seat in stats["coordinators"] if seat["swarm"] == swarm]
    assert seat["messenger"]["messages_sent"] == 1


async def test_the_keys_and_channels_of_the_seed(redis_url: str, tmp_path: Path) -> None:
    """On Redis everything is where the seed says, for whoever looks with its own client."""
    server = client(redis_url)
    server.flushdb()
    ear = server.pubsub()
    ear.psubscribe("swarm:*")
    async with open_hive(redis_url, folder=tmp_path, roster=ROSTER, announces=True) as fleet:
        swarm, coordinator = await fleet.create_swarm("Be found")
        await until(lambda: asyncio.sleep(0, coordinator.is_leader))
        other = await team(fleet, "other")
        await fleet.send_message(swarm.id, other, {"type": "coordination_request", "data": 1})
        await fleet.broadcast(swarm.id, {"type": "announcement"})
        snapshot = await fleet.create_snapshot(swarm.id)
        checkpoint = await fleet.create_checkpoint(swarm.id)
        await fleet.state.save(swarm.id)
        await fleet.get_statistics()
        term = server.hget("swarm:leader", "term")

        assert server.exists(f"swarm:{swarm.id}")
        assert server.zscore("swarm:index", swarm.id) is not None
        assert server.sismember("swarm:status:active", swarm.id)
        assert server.exists("swarm:metrics")
        assert server.exists(f"swarm:state:{swarm.id}")
        assert server.exists(f"swarm:snapshot:{swarm.id}:{snapshot.number}")
        assert server.exists(f"swarm:checkpoint:{swarm.id}:{checkpoint.number}")
        assert server.exists("swarm:state:manager:stats")
        assert term == "1"
    heard = set[str]()
    while (message := ear.get_message(timeout=1.0)) is not None:
        heard.add(str(message["channel"]))
    assert {f"swarm:{other}", "swarm:coordination", "swarm:global"} <= heard
