"""Skep: a home for fleets of AI-agent swarms.

async with skep.open("sqlite:///work.db") as hive:
    swarm = await hive.submit("Audit this repository", workspace=".", model="offline")
    async for event in swarm.events():
        print(event.kind)
    print(await swarm.result())
"""

from skep.agent.failures import PermanentError
from skep.agent.function import ROSTER, TaskContext
from skep.compose import create_multi_swarm_coordination
from skep.compose import open_hive as open  # noqa: A004 - read as skep.open
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.hive.messenger import SwarmMessenger
from skep.hive.planner import Planner
from skep.records.approval import Approval, ApprovalState, Decision
from skep.records.errors import SkepError
from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.letter import DeadLetter
from skep.records.message import Address, Message, MessageType
from skep.records.step import Effect
from skep.records.swarm import Plan, Swarm, SwarmStatus
from skep.records.task import AgentKind, RetryPolicy, Task, TaskSpec, TaskStatus
from skep.records.told import Told

__version__ = "0.1.0"

agent = ROSTER.agent

MultiSwarmCoordination = Fleet
"""The seed's name for it."""

__all__ = [
    "Address",
    "AgentKind",
    "Approval",
    "ApprovalState",
    "DeadLetter",
    "Decision",
    "Effect",
    "Event",
    "Fleet",
    "Message",
    "MessageType",
    "MultiSwarmCoordination",
    "PermanentError",
    "Plan",
    "Planner",
    "RetryPolicy",
    "SkepError",
    "Swarm",
    "SwarmHandle",
    "SwarmId",
    "SwarmMessenger",
    "SwarmStatus",
    "Task",
    "TaskContext",
    "TaskKey",
    "TaskRef",
    "TaskSpec",
    "TaskStatus",
    "Told",
    "agent",
    "create_multi_swarm_coordination",
    "open",
]
