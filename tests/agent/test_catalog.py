"""The catalogue: roles from Markdown files, ours, the project's and Claude Code's."""

from pathlib import Path

import pytest

from skep.agent.catalog import read_catalog, read_role
from skep.agent.tools.shelf import SHELF
from skep.records.errors import AgentFileInvalid, AgentUnknown
from skep.records.role import Tier
from skep.records.task import AgentKind

ROLE = """---
name: bee
description: Gathers.
kind: llm
capabilities: [nectar]
tools: [inventory]
model: fast
---
You gather.
"""


def test_the_built_in_roles_are_complete_and_their_tools_exist() -> None:
    """Every built-in role has a description, instructions, and only tools that are on the shelf."""
    roles = read_catalog().roles

    assert len(roles) >= 12
    for role in roles.values():
        assert role.description
        assert len(role.instructions) > 200
        assert set(role.tools) <= set(SHELF)


def test_a_projects_own_role_wins_over_a_built_in_one(tmp_path: Path) -> None:
    """`.skep/agents` is read last, so a project can say what `reviewer` means to it."""
    folder = tmp_path / ".skep" / "agents"
    folder.mkdir(parents=True)
    (folder / "mine.md").write_text(ROLE.replace("bee", "reviewer"))

    role = read_catalog(tmp_path).role("reviewer")

    assert (role.description, role.tier) == ("Gathers.", Tier.FAST)
    assert role.source == str(folder / "mine.md")


def test_a_claude_code_subagent_is_read_as_it_is_and_its_own_fields_warn(tmp_path: Path) -> None:
    """Comma-separated tools and model names are understood; what we do not know is named."""
    folder = tmp_path / ".claude" / "agents"
    folder.mkdir(parents=True)
    (folder / "helper.md").write_text(
        "---\nname: helper\ndescription: Helps.\n"
        "tools: Read, Grep\nmodel: opus\ncolor: red\n---\nHelp.\n"
    )

    catalog = read_catalog(tmp_path)

    assert catalog.role("helper").tools == ("Read", "Grep")
    assert catalog.role("helper").tier is Tier.STRONG
    assert [warning for warning in catalog.warnings if "'color'" in warning]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("You gather.", "front matter"),
        ("---\nname: bee\n---\n", "instructions"),
        ("---\ndescription: x\n---\nText", "name"),
        ("---\nname: 'a b'\n---\nText", "name"),
        ("---\nname: [\n---\nText", "YAML"),
        ("---\n- a\n---\nText", "mapping"),
        ("---\nname: bee\nkind: robot\n---\nText", "kind"),
    ],
)
def test_a_file_that_is_no_role_says_what_is_wrong(text: str, reason: str) -> None:
    """A role file that cannot be used is refused with its path and the reason."""
    with pytest.raises(AgentFileInvalid, match=reason) as refusal:
        read_role(text, source="agents/bee.md")

    assert refusal.value.path == "agents/bee.md"


def test_a_role_is_read_with_all_its_fields() -> None:
    """Front matter and body become the role."""
    role, warnings = read_role(ROLE, source="x")

    assert (role.name, role.kind, role.capabilities, role.tools, role.instructions) == (
        "bee", AgentKind.LLM, ("nectar",), ("inventory",), "You gather.",
    )  # fmt: skip
    assert warnings == []


def test_an_unknown_role_is_refused_with_those_there_are() -> None:
    """The refusal helps to find the right name."""
    with pytest.raises(AgentUnknown) as refusal:
        read_catalog().role("drone")

    assert "cartographer" in refusal.value.hint
