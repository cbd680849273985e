"""The kit: what all runs of one role under one charter share, made once in a process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from pydantic_ai.messages import InstructionPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

from skep.agent.toolbox import definitions_of
from skep.records.errors import AgentUnknown
from skep.records.role import Charter, Role, chain_of
from skep.records.values import Digest, Json, canonical, digest_of

KITS_MAX: Final = 256
"""Kits that a process keeps; a swarm needs one for each of its roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A role, the chain of models it asks, and what they are told of its tools in each request.

    `ground` is what the fingerprint of every conversation of the role begins with.
    """

    charter: Charter
    role: Role
    chain: Sequence[str]
    parameters: ModelRequestParameters
    ground: Sequence[Json]
    fingerprint: Digest

    @classmethod
    def of(cls, charter: Charter, name: str) -> "Kit":
        """Put together the kit of a role; raises `AgentUnknown`."""
        role = charter.roles.get(name)
        if role is None:
            raise AgentUnknown(name=name, known=tuple(sorted(charter.roles)))
        model, definitions = charter.model_of(role), definitions_of(role.tools, charter)
        ground = cast("list[Json]", to_jsonable_python([model, definitions]))
        return cls(
            charter=charter,
            role=role,
            chain=chain_of(model),
            parameters=_parameters(role, definitions),
            ground=ground,
            fingerprint=digest_of(canonical(ground)),
        )

    def fingerprint_with(self, more: Sequence[Json]) -> Digest:
        """The fingerprint of the ground of a conversation that also stands on `more`."""
        return digest_of(canonical([*self.ground, *more])) if more else self.fingerprint


def _parameters(role: Role, tools: list[ToolDefinition]) -> ModelRequestParameters:
    # Said here and not by the opening alone: of a conversation's instructions pydantic-ai sends
    # those of the last two requests, and so none once the opening lies further back.
    parts = [InstructionPart(content=role.instructions)]
    return ModelRequestParameters(function_tools=tools, instruction_parts=parts)


@dataclass(frozen=True, slots=True)
class Kits:
    """The kits put together so far."""

    _kept: dict[tuple[str | None, str], Kit] = field(
        default_factory=dict[tuple[str | None, str], Kit]
    )

    def of(self, charter: Charter, name: str, *, digest: str | None) -> Kit:
        """Give the kit of a role of the charter with this digest; raises `AgentUnknown`."""
        kit = self._kept.get((digest, name))
        if kit is None or kit.charter is not charter:
            if len(self._kept) >= KITS_MAX:
                self._kept.clear()
            kit = self._kept[digest, name] = Kit.of(charter, name)
        return kit
