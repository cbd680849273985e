"""The front of the command line: help, versions, mistakes, completion, speed, plain terminals."""

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell, files_into

from skep.cli.app import build
from skep.cli.commands import AGENTS, FIRST, SWARM, TOOLS, WORK
from skep.cli.export import safe_path
from skep.cli.screen import clean, clean_block

COMMANDS = [
    *((command.name,) for command in (*WORK, *TOOLS)),
    *(("swarm", command.name) for command in SWARM),
    *(("agents", command.name) for command in AGENTS),
]
EXAMPLES = [
    *FIRST,
    *(line for table in (WORK, SWARM, AGENTS, TOOLS) for each in table for line in each.examples),
]


@pytest.mark.parametrize("command", [(), ("swarm",), ("agents",), *COMMANDS])
def test_every_command_has_help_with_an_example(tmp_path: Path, command: tuple[str, ...]) -> None:
    """--help ends with 0 and shows at least one example, in any folder."""
    shown = Shell(folder=tmp_path).skep(*command, "--help")

    assert shown.code == 0
    assert "Examples" in shown.out
    assert f"skep {' '.join(command)}".rstrip() in shown.out.partition("Examples")[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_parses(line: str) -> None:
    """What the help shows as an example is a command that there is."""
    command = line.partition(" | ")[2] or line
    words = shlex.split(command.partition(" > ")[0])

    build().parse_args(words[1:], exit_on_error=False, print_error=False)


def test_the_version_is_shown(tmp_path: Path) -> None:
    """--version names the program and its version."""
    shown = Shell(folder=tmp_path).skep("--version")

    assert shown.out.split()[0] == "skep"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("rnu", "x"), '"run"'),
        (("swarm", "shoow"), '"show"'),
        (("run", "Audit", "--workspce", "."), "--workspace"),
    ],
)
def test_a_mistyped_word_is_put_right(tmp_path: Path, words: tuple[str, ...], meant: str) -> None:
    """A command or option that does not exist ends with 2 and the one that was meant."""
    refused = Shell(folder=tmp_path).skep(*words)

    assert refused.code == 2
    assert refused.out == ""
    assert f"Did you mean {meant}?" in refused.err


def test_a_mistake_with_json_is_a_document(tmp_path: Path) -> None:
    """A usage error with --json is told on stdout as any other error is."""
    refused = Shell(folder=tmp_path).skep("run", "--json", "--nonsense")

    assert refused.code == 2
    assert refused.json["error"]["code"] == "usage"


@pytest.mark.parametrize("words", [("swarm", "list"), ("swarm", "list", "--json"), ("doctor",)])
def test_a_setting_that_makes_no_sense_is_told(shell: Shell, words: tuple[str, ...]) -> None:
    """A number that is none ends with 2, its name and what it may be, and without a traceback."""
    refused = shell.skep(*words, SKEP_MODEL_MAX_TOKENS="many")

    assert refused.code == 2
    assert "SKEP_MODEL_MAX_TOKENS is 'many', and must be a number" in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_commands(tmp_path: Path, shell: str) -> None:
    """Each shell gets a script that knows the commands."""
    script = Shell(folder=tmp_path).skep("completion", shell)

    assert script.code == 0
    assert "artifacts" in script.out
    assert "--workspace" in script.out


@pytest.mark.parametrize("words", [["--help"], ["swarm", "list"]])
def test_starting_does_not_import_what_it_does_not_need(tmp_path: Path, words: list[str]) -> None:
    """Help and lists never pay for pydantic-ai, which takes a second to import."""
    code = "import sys; from skep.cli import main; main(sys.argv[1:]); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "pydantic_ai" not in done.stdout.split()


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"LC_ALL": "en_US.ISO-8859-1"}])
def test_a_plain_locale_gets_plain_text(done: tuple[Shell, Any], variables: dict[str, str]) -> None:
    """Where the locale is not UTF-8, nothing but ASCII is shown."""
    shell, _ = done

    shown = shell.skep("swarm", "show", "last", **variables)

    assert shown.out.isascii()
    assert "+  inventory" in shown.out


@pytest.mark.parametrize(
    ("variables", "is_plain"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True),
        ({"TERM": "dumb"}, True),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    done: tuple[Shell, Any], variables: dict[str, str], *, is_plain: bool
) -> None:
    """On a terminal there is colour, unless NO_COLOR or a dumb terminal says otherwise."""
    shell, _ = done

    shown = on_a_terminal(shell, ["swarm", "tasks", "last"], variables)

    assert "inventory" in shown
    assert ("\x1b[32m" not in shown) is is_plain


def test_a_terminal_gets_the_live_view(shell: Shell) -> None:
    """On a terminal a run redraws its view, and leaves the finished one standing."""
    shown = on_a_terminal(shell, ["run", "Collect TODO markers"], {"TERM": "xterm-256color"})

    assert "2/2 tasks" in shown
    assert "\x1b[?25h" in shown


def test_what_an_agent_wrote_cannot_move_the_cursor() -> None:
    """Escape sequences, control characters and bidirectional overrides are left out."""
    hostile = "\x1b]0;title\x07a\x1b[2Jb\x9b31mc\u202ed\u2066e\x00f\x7f\tg\r\nh"

    assert clean(hostile) == "abcdef g h"
    assert clean_block("a\x1b[1A\r\nb\u200fc") == "a\nbc"


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "a/../../x", "..", "a//b", "\x00", "~", "-x"]
)
def test_no_name_of_an_artefact_leads_out_of_its_folder(name: str) -> None:
    """Whatever an agent calls its artefact, it is written below the folder of its task."""
    path = safe_path("task", name)

    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.parts[0] == "task"
    assert str(path).isprintable()


def test_money_is_spent_only_when_somebody_says_yes(shell: Shell) -> None:
    """On a terminal a model that costs money is asked about, and anything but yes runs nothing."""
    files_into(shell.folder, {"lib/anthropic/__init__.py": ""})
    paid = {"ANTHROPIC_API_KEY": "x", "PYTHONPATH": "lib", "TERM": "xterm"}

    words = ["run", "Audit this repository", "--model", "anthropic:claude-sonnet-4-6"]
    shown = on_a_terminal(shell, words, paid, answer=b"n\n")

    assert "which costs money? [y/N]" in shown
    assert "Nothing was run." in shown


def test_long_names_stay_apart() -> None:
    """Two names that are too long for a file, and differ at their end, go to two files."""
    assert safe_path("task", "x" * 300 + "a") != safe_path("task", "x" * 300 + "b")


def on_a_terminal(
    shell: Shell, words: list[str], variables: dict[str, str], *, answer: bytes = b""
) -> str:
    """Run a command on a terminal of its own; gives all that it wrote."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    process = subprocess.Popen(
        [sys.executable, "-m", "skep", *words],
        cwd=shell.folder,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # how Linux says that the other end was closed
        pass
    finally:
        os.close(ours)
    process.wait()
    return shown.decode("utf-8", "replace")
