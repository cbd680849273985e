"""The brief: everything an attempt needs to know before it begins, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from skep.agent.hints import Listener
from skep.agent.journal import RunJournal
from skep.ports.store import Store
from skep.ports.system import Chance, Clock
from skep.records.lease import Grant
from skep.records.role import Charter
from skep.records.swarm import SwarmRequest
from skep.records.task import TaskStatus
from skep.records.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a task that this one waited for came to."""

    key: str
    agent: str
    title: str
    status: TaskStatus
    value: Json
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One attempt: its task, input in full, the swarm's request, charter, findings, and journal."""

    grant: Grant
    input: Json
    request: SwarmRequest
    charter: Charter | None
    findings: Sequence[Finding]
    journal: RunJournal
    store: Store
    clock: Clock
    chance: Chance
    listener: Listener | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an agent brought about: its value, and named pieces of work as (media type, content)."""

    value: Json
    pieces: Mapping[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])


class Performer(Protocol):
    """How one kind of agent does its work."""

    async def perform(self, brief: Brief) -> Work:
        """Work on the task of a brief.

        Raises `AttemptFailed` with a classified failure, or any error, which counts as transient.
        """
        ...
