"""Drawing a charter: the roles and tools that a swarm begins with, and keeps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from skep.agent.catalog import Catalog
from skep.agent.toolbox import shapes
from skep.agent.tools.shelf import SHELF
from skep.records.role import Charter, Role, Tier


def draw_charter(
    model: str,
    roles: Sequence[str],
    *,
    catalog: Catalog,
    tiers: Mapping[Tier, str] | None = None,
    approve: Collection[str] = (),
) -> Charter:
    """Draw the charter for these roles on this model, or on those of their tiers.

    With a role that drafts all roles of the catalogue come in, for the plan may name any. Tools
    that a role names and Skep does not have are left out: a subagent file of Claude Code lists
    its own. A person has to approve the tools in `approve`, besides those that a role or the
    tool itself says. Raises `AgentUnknown`, and `InvalidInput` for a tool to approve that is none.
    """
    used = {name: catalog.role(name) for name in roles}
    if any(role.drafts for role in used.values()):
        used = dict(catalog.roles)
    shapes(approve)
    names = [tool for role in used.values() for tool in role.tools if tool in SHELF]
    return Charter(
        model=model,
        tiers=tiers or {},
        roles={name: _guarded(role, approve) for name, role in used.items()},
        tools=shapes(names),
    )


def _guarded(role: Role, approve: Collection[str]) -> Role:
    """Note in a role all its tools whose calls a person has to approve."""
    own = {tool for tool in role.tools if tool in SHELF and SHELF[tool].is_guarded}
    guarded = own.union(role.approve, set(role.tools).intersection(approve))
    return replace(role, approve=tuple(sorted(guarded)))
