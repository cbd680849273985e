"""Drawing a charter: the roles and tools that a swarm begins with, and keeps."""

from collections.abc import Mapping, Sequence

from skep.agent.catalog import Catalog
from skep.agent.toolbox import shapes
from skep.agent.tools.shelf import SHELF
from skep.records.role import Charter, Tier


def draw_charter(
    model: str,
    roles: Sequence[str],
    *,
    catalog: Catalog,
    tiers: Mapping[Tier, str] | None = None,
) -> Charter:
    """Draw the charter for these roles on this model, or on those of their tiers.

    With a role that drafts all roles of the catalogue come in, for the plan may name any. Tools
    that a role names and Skep does not have are left out: a subagent file of Claude Code lists
    its own. Raises `AgentUnknown`.
    """
    used = {name: catalog.role(name) for name in roles}
    if any(role.drafts for role in used.values()):
        used = dict(catalog.roles)
    names = [tool for role in used.values() for tool in role.tools if tool in SHELF]
    return Charter(model=model, tiers=tiers or {}, roles=used, tools=shapes(names))
