"""A role: who an agent is, and the charter that a swarm keeps of the roles it began with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skep.records.task import AgentKind
from skep.records.values import Json

OFFLINE: Final = "offline"
"""The name of the model that needs no key: fixed rules over what tools return."""


CHAIN: Final = ","
"""What stands between the names of a chain of models."""

BY_TIER: Final = "tiers"
"""The name that stands for the model of each role's tier, as the settings map them."""


class Tier(StrEnum):
    """How strong a model a role asks for; settings map each tier to a model."""

    FAST = "fast"
    BALANCED = "balanced"
    STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An agent's name, what it is good for, what it may use, and its instructions.

    `output` is the form of the value it returns (see `policy.forms`), None when that is a text;
    a role that `drafts` returns a plan, whose tasks are added to its swarm; a person has to
    approve each call of the tools in `approve`, within `approval_expires_s` where that is said;
    `source` says where it was read: a file's path, or "built in".
    """

    name: str
    description: str
    instructions: str
    kind: AgentKind = AgentKind.LLM
    capabilities: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tier: Tier = Tier.BALANCED
    output: Mapping[str, Json] | None = None
    drafts: bool = False
    approve: tuple[str, ...] = ()
    approval_expires_s: float | None = None
    source: str = "built in"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolShape:
    """What a model is told of a tool: its description and the JSON Schema of its arguments."""

    description: str
    schema: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """The roles, tool shapes and models with which a swarm began; takeovers use these.

    `model` is a name or a chain of them, as it was asked for; `tiers` has those of single tiers.
    """

    model: str
    tiers: Mapping[Tier, str] = field(default_factory=dict[Tier, str])
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role])
    tools: Mapping[str, ToolShape] = field(default_factory=dict[str, ToolShape])

    def model_of(self, role: Role) -> str:
        """The model, or the chain of models, that a role asks."""
        return self.tiers.get(role.tier, self.model)


def chain_of(model: str) -> tuple[str, ...]:
    """Take a chain of models apart, in the order in which they are asked.

    >>> chain_of("anthropic:a, openai:b"), chain_of("offline")
    (('anthropic:a', 'openai:b'), ('offline',))
    """
    return tuple(name.strip() for name in model.split(CHAIN) if name.strip())
