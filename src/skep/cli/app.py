"""The application: the commands of the table, put together without importing any of them."""

from collections.abc import Sequence
from typing import Final

from cyclopts import App, Group, Parameter
from rich.markup import escape

from skep import __version__
from skep.cli.commands import AGENTS, FIRST, SWARM, TOOLS, WORK, Command

TAGLINE: Final = "A durable home for fleets of AI-agent swarms."
EXAMPLES_OF_FAMILY: Final = 3


def build() -> App:
    """Build the application; nothing of a command is imported until it is called."""
    app = App(
        name="skep",
        help=TAGLINE,
        version=f"skep {__version__}",
        help_format="rich",
        help_epilogue=_epilogue(FIRST),
        default_parameter=Parameter(negative=(), show_default=False),
        group_commands=Group("Help", sort_key=9),
        suppress_keyboard_interrupt=False,
    )
    _add(app, WORK, Group("Work", sort_key=1))
    families = Group("Look and steer", sort_key=2)
    app.command(_family("swarm", "Look at swarms, and steer them.", SWARM, group=families))
    app.command(_family("agents", "See which agents a plan can name.", AGENTS, group=families))
    _add(app, TOOLS, Group("Set up", sort_key=3))
    return app


def _family(name: str, about: str, commands: Sequence[Command], *, group: Group) -> App:
    """Build a command that has commands of its own."""
    examples = [command.examples[0] for command in commands[:EXAMPLES_OF_FAMILY]]
    app = App(name=name, help=about, help_epilogue=_epilogue(examples), group=group)
    _add(app, commands, Group("Commands", sort_key=1))
    return app


def _add(app: App, commands: Sequence[Command], group: Group) -> None:
    for place, command in enumerate(commands):
        app.command(
            command.target,
            name=command.name,
            alias=(),
            help=command.help,
            help_epilogue=_epilogue(command.examples),
            group=group,
            sort_key=place,
        )


def _epilogue(examples: Sequence[str]) -> str:
    lines = "\n".join(f"  {escape(example)}" for example in examples)
    return f"[bold]Examples[/bold]\n{lines}"
