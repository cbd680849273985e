"""A role: who an agent is, and the charter that a swarm keeps of the roles it began with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skep.records.task import AgentKind
from skep.records.values import Json

OFFLINE: Final = "offline"
"""The name of the model that needs no key: fixed rules over what tools return."""


class Tier(StrEnum):
    """How strong a model a role asks for; settings map each tier to a model."""

    FAST = "fast"
    BALANCED = "balanced"
    STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An agent's name, what it is good for, what it may use, and its instructions.

    `source` says where it was read: a file's path, or "built in".
    """

    name: str
    description: str
    instructions: str
    kind: AgentKind = AgentKind.LLM
    capabilities: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tier: Tier = Tier.BALANCED
    source: str = "built in"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolShape:
    """What a model is told of a tool: its description and the JSON Schema of its arguments."""

    description: str
    schema: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """The roles, tool shapes and model with which a swarm began; takeovers use these."""

    model: str
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role])
    tools: Mapping[str, ToolShape] = field(default_factory=dict[str, ToolShape])
