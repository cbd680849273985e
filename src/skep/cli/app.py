"""The application: the commands of the table, put together without importing any of them."""

from collections.abc import Sequence
from typing import Final

from cyclopts import App, Group, Parameter
from rich.markup import escape

from skep import __version__
from skep.cli.commands import FAMILIES, FIRST, TOOLS, WORK, Command, Family

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
        group_arguments=Group("Arguments", sort_key=1),
        group_parameters=Group("Options", sort_key=2),
        group_commands=Group("Help", sort_key=9),
        suppress_keyboard_interrupt=False,
    )
    _add(app, WORK, Group("Work", sort_key=1))
    families = Group("Look and steer", sort_key=2)
    for place, family in enumerate(FAMILIES):
        app.command(_family(family, group=families, place=place))
    _add(app, TOOLS, Group("Set up", sort_key=3))
    return app


def _family(family: Family, *, group: Group, place: int) -> App:
    """Build a command that has commands of its own."""
    examples = [command.examples[0] for command in family.commands[:EXAMPLES_OF_FAMILY]]
    app = App(
        name=family.name,
        help=family.help,
        help_epilogue=_epilogue(examples),
        group=group,
        sort_key=place,
    )
    _add(app, family.commands, Group("Commands", sort_key=1))
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
