"""Every code block of README and docs does what the page says.

The python blocks of a page run as one program, top-level `await` allowed. In console blocks the
commands that begin with `$ skep` run in a small repository; what stands below a command is its
output, where `...` stands for anything, and `$ echo $?` shows a status other than 0. A block that
bears a file name after its language (as in ```python agents.py) is saved under it first.
"""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

REPO: Final = Path(__file__).parents[1]
PAGES: Final = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
SHOWN: Final = {"text", "markdown", "mermaid", "sql", "toml", "yaml", "json", "dockerfile", "http"}
PURE: Final = ("skep.records", "skep.policy")

RUN: Final = """
import ast, asyncio, inspect, sys
code = compile(sys.stdin.read(), sys.argv[1], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
outcome = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(outcome):
    asyncio.run(outcome)
"""

fence = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
link = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPO)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    language: str
    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a console block, with the output that the page shows below it."""

    line: str
    output: str


@each_page
def test_every_block_is_of_a_known_kind(page: Path) -> None:
    """A block either runs or is of a language that is only shown; a shell block is `console`."""
    found = blocks(page)

    assert ("\n" + page.read_text()).count("\n```") == 2 * len(found)
    assert {block.language for block in found} - SHOWN <= {"python", "console"}


@each_page
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    """A relative link names a file or folder that exists."""
    broken = [to for to in link.findall(page.read_text()) if not (page.parent / to).exists()]

    assert broken == []


@pytest.mark.slow
@pytest.mark.usefixtures("sample")
@each_page
def test_the_program_of_a_page_runs(page: Path) -> None:
    """The python blocks of a page, read downwards, are one program that ends well."""
    save_named_files(page)

    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(page)],
        input=program(page),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("sample")
@each_page
def test_the_commands_of_a_page_print_what_it_shows(page: Path) -> None:
    """Each `$ skep` command ends as the page says and prints what the page shows."""
    save_named_files(page)

    status = 0
    for command in commands(page):
        if command.line == "echo $?":
            assert command.output == str(status)
            status = 0
            continue
        assert status == 0, f"the command before `{command.line}` failed"
        status, printed = run(command.line)
        assert shows(command.output, printed), f"$ {command.line}\n{printed}"
    assert status == 0


@pytest.mark.parametrize("package", PURE)
def test_the_examples_in_docstrings_hold(package: str) -> None:
    """The doctests of the pure layers pass."""
    failed = {
        module: doctest.testmod(importlib.import_module(module)).failed for module in tree(package)
    }

    assert sum(failed.values()) == 0, failed


def blocks(page: Path) -> list[Block]:
    """Read the fenced blocks of a page."""
    text = page.read_text()
    return [
        Block(
            language=match["info"].partition(" ")[0],
            file=match["info"].partition(" ")[2].strip(),
            line=text.count("\n", 0, match.start("text")),
            text=match["text"],
        )
        for match in fence.finditer(text)
    ]


def save_named_files(page: Path) -> None:
    """Write each block that bears a file name, as seen from the current folder."""
    for block in blocks(page):
        if block.file:
            file = Path(block.file)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)


def program(page: Path) -> str:
    """Join the python blocks, each on its own lines of the page, so that tracebacks point there."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python":
            lines += [""] * (block.line - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page that are ours to run."""
    for block in blocks(page):
        if block.language != "console":
            continue
        for part in re.split(r"^\$ ", block.text.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            if line.startswith("skep ") or line == "echo $?":
                yield Command(line=line, output=output.strip())


def run(line: str) -> tuple[int, str]:
    """Run a line in the shell; return its status and all that it printed."""
    ran = subprocess.run(
        line, shell=True, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return ran.returncode, ran.stdout


def shows(expected: str, printed: str) -> bool:
    """Compare what a page shows with what was printed; a page may show nothing.

    >>> shows("2 tasks ... done", "2 tasks in 3 s, all done")
    True
    """
    pattern = re.escape(expected).replace(re.escape("..."), ".*")
    return not expected or bool(re.fullmatch(pattern, printed.strip(), re.DOTALL))


def tree(package: str) -> Iterator[str]:
    """Name a package and the modules in it."""
    yield package
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        yield module.name
