"""The table of commands: what each is called, what it is for, and examples of its use."""

from dataclasses import dataclass
from typing import Final

from cyclopts import App, Group, Parameter
from rich.markup import escape

from skep import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; `target` is imported when the command is called."""

    name: str
    target: str
    help: str
    examples: tuple[str, ...]


WORK: Final = (
    Command(
        name="run",
        target="skep.cli.run:run",
        help="Plan an objective, work on it with a swarm of agents, and write a report.",
        examples=(
            'skep run "Audit this repository"',
            'skep run "Look for secrets and TODOs" --workspace ../shop --out report.md',
            'echo "Describe the tests" | skep run --json',
            "skep run --plan plan.yaml --model anthropic:claude-sonnet-4-5 --timeout 10m",
        ),
    ),
)


def build() -> App:
    """Build the application; nothing of a command is imported until it is called."""
    app = App(
        name="skep",
        help="A durable home for fleets of AI-agent swarms.",
        version=__version__,
        help_format="rich",
        help_epilogue=_epilogue(('skep run "Audit this repository"',)),
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
    )
    for command in WORK:
        _add(app, command, Group.create_ordered("Work"))
    return app


def _add(app: App, command: Command, group: Group) -> None:
    app.command(
        command.target,
        name=command.name,
        help=command.help,
        help_epilogue=_epilogue(command.examples),
        group=group,
    )


def _epilogue(examples: tuple[str, ...]) -> str:
    lines = "\n".join(f"  {escape(example)}" for example in examples)
    return f"[bold]Examples[/bold]\n{lines}"
