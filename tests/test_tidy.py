"""The style, measured: what the house asks of its code and no linter checks.

`tidy_ratchet.json` holds the limits. A limit may be lowered by any change and raised by none.
"""

import ast
import importlib
import inspect
import io
import json
import re
import statistics
import subprocess
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import ceil, inf
from pathlib import Path
from typing import Final

import pytest

REPO: Final = Path(__file__).parents[1]
RATCHET: Final = "tests/tidy_ratchet.json"

VAGUE_MODULES: Final = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
VAGUE_CLASSES: Final = ("Manager", "Helper", "Util", "Utils")
ENTRY_POINT: Final = re.compile(r"skep(\.__main__|\.cli|\.testing(\.\w+)*)?")

type_ignore = re.compile(r"#\s*(type|pyright):\s*ignore")
left_over = re.compile(r"\b(FIXME|XXX|HACK)\b")
lazy_import = re.compile(r"(skep(?:\.\w+)+)(?::\w+)?")
fenced_block = re.compile(r"^(```+).*?^\1", re.MULTILINE | re.DOTALL)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One parsed Python file of the repository."""

    path: str
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The dotted name it is imported by, for a file under src."""
        parts = Path(self.path).with_suffix("").parts[1:]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def lines(self) -> int:
        """Its length, blank lines and comments included."""
        return len(self.text.splitlines())

    def where(self, node: ast.AST) -> str:
        """Say where `node` stands, in a form that editors open."""
        return f"{self.path}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', '')}".rstrip()

    def comments(self) -> Iterator[str]:
        """Yield its comments, and no string that merely looks like one."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.string


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure of which less is better, and the places that make it what it is."""

    value: float
    worst: Sequence[str] = ()


def test_no_measure_is_over_its_limit() -> None:
    """Sizes, docstrings and ignores stay within the limits of the ratchet file."""
    measures = measure()
    limits = ratchet()

    print(table(measures, limits))

    assert measures.keys() == limits.keys()
    over = [
        f"{name} is {found.value:g}, over {limits[name]:g}: {'; '.join(found.worst)}"
        for name, found in measures.items()
        if found.value > limits[name]
    ]
    assert over == []


def test_limits_only_shrink() -> None:
    """No limit stands above the one of the last commit, and none was dropped."""
    before, now = committed_ratchet(), ratchet()

    assert {name for name, limit in before.items() if now.get(name, inf) > limit} == set()


def test_modules_are_named_for_their_job() -> None:
    """No module is a drawer for things that found no other place."""
    parts = {part for module in sources() for part in module.name.split(".")}

    assert parts & VAGUE_MODULES == set()


def test_classes_are_named_for_their_job() -> None:
    """No class is a Manager, a Helper or a Util: parts bear job titles."""
    vague = [
        module.where(node)
        for module in sources()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_CLASSES)
    ]

    assert vague == []


def test_no_import_hides_from_the_layers() -> None:
    """No module imports only for the type checker, which is how cycles hide."""
    hidden = [
        module.where(node)
        for module in sources()
        for node in ast.walk(module.tree)
        if getattr(node, "id", getattr(node, "attr", "")) == "TYPE_CHECKING"
    ]

    assert hidden == []


def test_every_module_opens_with_a_sentence() -> None:
    """The first line of a module says what the module is for."""
    silent = [module.path for module in everything() if not is_sentence(module.tree)]

    assert silent == []


def test_every_module_is_imported_by_another() -> None:
    """A module of the package that nothing imports is dead, entry points aside."""
    imported = {name for module in sources() for name in imports_of(module)}

    names = {module.name for module in sources() if not ENTRY_POINT.fullmatch(module.name)}
    assert sorted(names - imported) == []


def test_no_comment_puts_work_off() -> None:
    """What is known to be wrong is mended or filed, not left in a comment."""
    left = [
        f"{module.path}: {comment}"
        for module in everything()
        for comment in module.comments()
        if left_over.search(comment)
    ]

    assert left == []


def test_every_page_has_one_title() -> None:
    """A Markdown page of the project has exactly one first-level heading."""
    titles = {str(page.relative_to(REPO)): count_titles(page) for page in pages()}

    assert {page: count for page, count in titles.items() if count != 1} == {}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_name_no_address(lock: str) -> None:
    """A lock file holds versions and hashes, so that any mirror can serve it."""
    text = (REPO / lock).read_text()

    assert "--hash=sha256:" in text
    assert "://" not in text


# --- what is measured ----------------------------------------------------------------------------


def measure() -> dict[str, Measure]:
    """Take every measure that the ratchet file limits."""
    measured = [*sources(), *parse("bench")]
    bodies = [(body_lines(node), module.where(node)) for module, node in functions(measured)]
    modules = [(module.lines, module.path) for module in measured]
    return {
        "body lines, median": middle(bodies),
        "body lines, p90": ninth_decile(bodies),
        "body lines, max": largest(bodies),
        "module lines, p90": ninth_decile(modules),
        "module lines, max": largest(modules),
        "port methods, max": largest(list(port_widths())),
        "type-ignores per 1000 lines": type_ignores(),
        "public names without docstring": Measure(value=len(undocumented()), worst=undocumented()),
        "tests without a sentence": Measure(value=len(speechless()), worst=speechless()),
    }


def port_widths() -> Iterator[tuple[int, str]]:
    """Count the methods of each Protocol among the ports."""
    for module in sources():
        if not module.name.startswith("skep.ports"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
                yield sum(isinstance(item, Function) for item in node.body), module.where(node)


def type_ignores() -> Measure:
    """Count the places that silence the type checker, per thousand lines of the package."""
    places = [
        f"{module.path}: {comment}"
        for module in sources()
        for comment in module.comments()
        if type_ignore.search(comment)
    ]
    thousands = sum(module.lines for module in sources()) / 1000
    return Measure(value=round(len(places) / thousands, 2), worst=places)


def undocumented() -> list[str]:
    """List the public names of the library that do not say what they are."""
    skep = importlib.import_module("skep")
    return [
        name for name in getattr(skep, "__all__", ()) if not inspect.getdoc(getattr(skep, name))
    ]


def speechless() -> list[str]:
    """List the tests whose docstring is not a sentence."""
    return [
        module.where(node)
        for module, node in functions(everything())
        if node.name.startswith("test_") and not is_sentence(node)
    ]


def table(measures: dict[str, Measure], limits: dict[str, float]) -> str:
    """Lay the measures out beside their limits."""
    rows = [f"  {name:<32}{found.value:>8g}{limits[name]:>8g}" for name, found in measures.items()]
    return "\n".join(["", f"  {'measure':<32}{'now':>8}{'limit':>8}", *rows])


# --- figures -------------------------------------------------------------------------------------


def middle(found: Sequence[tuple[int, str]]) -> Measure:
    """Take the median."""
    return Measure(value=statistics.median(value for value, _ in found) if found else 0)


def ninth_decile(found: Sequence[tuple[int, str]]) -> Measure:
    """Take the smallest value that nine in ten do not pass."""
    ranked = sorted(found)
    edge = max(0, ceil(0.9 * len(ranked)) - 1)
    return Measure(
        value=ranked[edge][0] if ranked else 0,
        worst=[f"{value} {where}" for value, where in reversed(ranked[edge:])],
    )


def largest(found: Sequence[tuple[int, str]]) -> Measure:
    """Take the largest value, and name the three largest."""
    top = sorted(found, reverse=True)[:3]
    return Measure(
        value=top[0][0] if top else 0,
        worst=[f"{value} {where}" for value, where in top],
    )


def body_lines(node: Function) -> int:
    """Count the lines of a body, its docstring left out."""
    statements = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


# --- what is read --------------------------------------------------------------------------------


@cache
def sources() -> Sequence[Module]:
    """Parse the package."""
    return list(parse("src"))


@cache
def everything() -> Sequence[Module]:
    """Parse every Python file that people write here."""
    folders = ("bench", "tests", "scripts", "examples")
    return [*sources(), *(module for folder in folders for module in parse(folder))]


def parse(folder: str) -> Iterator[Module]:
    """Parse the Python files under `folder`, in order of their path, environments left out."""
    for path in sorted((REPO / folder).rglob("*.py")):
        where = path.relative_to(REPO)
        if not any(part.startswith(".") for part in where.parts):
            text = path.read_text()
            yield Module(path=str(where), text=text, tree=ast.parse(text))


def functions(modules: Iterable[Module]) -> Iterator[tuple[Module, Function]]:
    """Yield every function and method, nested ones too."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                yield module, node


def is_sentence(node: ast.Module | Function) -> bool:
    """Tell whether the docstring of `node` opens with a sentence."""
    return (ast.get_docstring(node) or "").split("\n\n")[0].endswith((".", "?", "!"))


def imports_of(module: Module) -> set[str]:
    """List what `module` imports: the modules, and the packages that they stand in."""
    named = {name for node in ast.walk(module.tree) for name in names_in(node)}
    return {parent for name in named for parent in lineage(name)} - {module.name}


def lineage(name: str) -> Iterator[str]:
    """Yield `a`, `a.b` and `a.b.c` for `a.b.c`."""
    return accumulate(name.split("."), "{}.{}".format)


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names that one node may import; lazy commands name theirs in a string."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(source), names=names):
            yield from (f"{source}.{alias.name}" for alias in names)
        case ast.Constant(value=str(text)) if found := lazy_import.fullmatch(text):
            yield found.group(1)
        case _:
            pass


def pages() -> list[Path]:
    """List the Markdown pages of the project."""
    return [*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")]


def count_titles(page: Path) -> int:
    """Count the first-level headings of a page, code blocks left out."""
    return len(re.findall(r"^# ", fenced_block.sub("", page.read_text()), re.MULTILINE))


def ratchet() -> dict[str, float]:
    """Read the limits in force."""
    return json.loads((REPO / RATCHET).read_text())


def committed_ratchet() -> dict[str, float]:
    """Read the limits of the last commit; none where there is no history to ask."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:{RATCHET}"], cwd=REPO, capture_output=True, check=False
    )
    return json.loads(shown.stdout) if shown.returncode == 0 else {}
