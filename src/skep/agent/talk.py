"""The talk: what the loop of one LLM agent knows while it goes round."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic_ai.models import ModelRequestParameters

from skep.agent.asking import Asker
from skep.agent.brief import Brief
from skep.agent.conversation import Conversation
from skep.agent.returns import Returns
from skep.agent.toolbox import Toolbox
from skep.records.role import Role
from skep.records.values import Json


@dataclass(slots=True, kw_only=True)
class Talk:
    """One agent's conversation with its chain of models.

    `begun` are answers cut short so far, `heard` is the number of the last message it has heard.
    """

    brief: Brief
    role: Role
    chain: Sequence[str]
    asker: Asker
    toolbox: Toolbox
    returns: Returns
    parameters: ModelRequestParameters
    conversation: Conversation
    results: dict[str, Json] = field(default_factory=dict[str, Json])
    begun: list[str] = field(default_factory=list[str])
    empty_answers: int = 0
    heard: int = 0
