"""`skep agents`: the roles that a plan can name."""

from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from skep.agent.catalog import Catalog, read_catalog
from skep.cli.documents import role_json, write_json
from skep.cli.options import AsJson
from skep.cli.screen import Screen, clean, clean_block, open_screen, plain_table, show
from skep.settings import read_settings


def list_agents(*, json: AsJson = False) -> int:
    """List the agents: built in, and the project's own in .skep/agents and .claude/agents."""
    screen = open_screen()
    catalog = _catalog(screen)
    roles = [catalog.roles[name] for name in sorted(catalog.roles)]
    if json:
        write_json({"agents": [role_json(role) for role in roles]})
        return 0
    table = plain_table("agent", "model tier", "from")
    table.add_column("what it does", overflow="fold")
    for role in roles:
        source = "built in" if role.source == "built in" else "this project"
        table.add_row(clean(role.name), role.tier, Text(source, "dim"), clean(role.description))
    show(screen.out, table)
    return 0


def show_agent(
    name: Annotated[str, Parameter(help="The agent's name.")], /, *, json: AsJson = False
) -> int:
    """Show one agent: what it is for, what it may use, and its instructions."""
    screen = open_screen()
    role = _catalog(screen).role(name)
    if json:
        write_json(role_json(role))
        return 0
    out = screen.out
    out.print(Text(clean(role.name), "bold"))
    out.print(clean(role.description))
    out.print()
    facts = {
        "Capabilities": ", ".join(role.capabilities) or "none",
        "Tools": ", ".join(role.tools) or "none",
        "Asks before": ", ".join(role.approve) or "none",
        "Model tier": role.tier,
        "From": role.source,
    }
    for fact, value in facts.items():
        out.print(Text.assemble((f"{fact:<14}", "dim"), clean(value)))
    out.print()
    out.print(clean_block(role.instructions))
    return 0


def _catalog(screen: Screen) -> Catalog:
    """Read the catalogue; what is odd about its files is told on stderr."""
    catalog = read_catalog(read_settings().state_folder.parent)
    for warning in catalog.warnings:
        screen.err.print(Text.assemble(("warning: ", "yellow"), clean(warning)), soft_wrap=True)
    return catalog
