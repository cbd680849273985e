"""Size and complexity: the longest files, and the functions that are longest or branch most."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, NamedTuple, TypedDict

from skep.agent.files import FileRefused, TextFile
from skep.agent.names import shown_path
from skep.agent.tools.branches import decisions_estimated
from skep.agent.tools.languages import PYTHON, language_of
from skep.agent.tools.pythoncode import FunctionFound, Unparsed, functions_in
from skep.agent.tools.scope import TOP, Scope, at_most, scope_of
from skep.agent.workspace import TEXT_BYTES_MAX, Workspace

PARSED_BYTES_MAX: Final = 512_000
"""The largest Python file that is parsed: its tree takes a hundred times its size."""
PARSED_BYTES_IN_ALL: Final = 4_000_000
"""How much Python is parsed, the largest files first: about two seconds' worth."""

_EXAMPLES_MAX: Final = 5
_LONG_LINES: Final = 50
_COMPLEX: Final = 10


class CodeFile(TypedDict):
    """A file of code; `branches` are its decision points, estimated from keywords."""

    path: str
    language: str
    lines: int
    branches: int


class FunctionFigures(TypedDict):
    """A Python function; `complexity` is its decision points and one, as McCabe counts."""

    path: str
    line: int
    name: str
    lines: int
    complexity: int


class LanguageBranches(TypedDict):
    """The code of one language; `branches` is estimated from keywords."""

    language: str
    files: int
    lines: int
    branches: int


class PythonFigures(TypedDict):
    """What parsing the Python files gave; the limit of bytes leaves out the smallest files."""

    files: int
    parsed: int
    broken: int
    broken_examples: list[str]
    over_limit: int
    functions: int
    functions_over_50_lines: int
    functions_over_complexity_10: int


class Complexity(TypedDict):
    """Where the code of the workspace is large or branches much."""

    scope: Scope
    code_files: int
    code_lines: int
    languages: list[LanguageBranches]
    longest_files: list[CodeFile]
    most_branching_files: list[CodeFile]
    python: PythonFigures
    longest_functions: list[FunctionFigures]
    most_complex_functions: list[FunctionFigures]


def complexity(workspace: Workspace, *, top: int = TOP) -> Complexity:
    """Find the longest files, the longest functions, and the functions that branch most.

    Functions are told for Python only, from its syntax tree, the largest files first up to 4 MB;
    `over_limit` files were not parsed. `branches` of files and languages are estimated from
    keywords and operators (if, for, while, case, catch, `&&` and the like). Lines are as `wc -l`
    counts.

    Args:
        workspace: What to read.
        top: How many files and functions to name.
    """
    top = at_most(top)
    listing = workspace.listing()
    code = [found for file in workspace.texts(listing) if (found := _code_file(file))]
    parsed = _parsed(workspace, [file for file in code if file.language == PYTHON.name])
    return Complexity(
        scope=scope_of(listing, bytes_max=TEXT_BYTES_MAX),
        code_files=len(code),
        code_lines=sum(file.lines for file in code),
        languages=_languages(code),
        longest_files=_top_files(code, top, key=lambda file: file.lines),
        most_branching_files=_top_files(code, top, key=lambda file: file.branches),
        python=_python_figures(parsed),
        longest_functions=_top_functions(parsed, top, key=lambda found: found.lines),
        most_complex_functions=_top_functions(parsed, top, key=lambda found: found.complexity),
    )


class _Code(NamedTuple):
    path: str
    bytes: int
    lines: int
    language: str
    branches: int


@dataclass(slots=True)
class _Parsed:
    files: int
    broken: list[str] = field(default_factory=list[str])
    over_limit: int = 0
    functions: list[tuple[str, FunctionFound]] = field(
        default_factory=list[tuple[str, FunctionFound]]
    )


def _code_file(file: TextFile) -> _Code | None:
    language = language_of(file.path, file.content)
    if not language.is_code:
        return None
    branches = decisions_estimated(file.content, language)
    return _Code(file.path, len(file.content), file.lines, language.name, branches)


def _parsed(workspace: Workspace, files: Sequence[_Code]) -> _Parsed:
    parsed = _Parsed(len(files))
    bytes_left = PARSED_BYTES_IN_ALL
    for file in sorted(files, key=lambda file: (-file.bytes, os.fsencode(file.path))):
        if file.bytes > min(PARSED_BYTES_MAX, bytes_left):
            parsed.over_limit += 1
            continue
        bytes_left -= file.bytes
        try:
            functions = functions_in(workspace.read(file.path, bytes_max=PARSED_BYTES_MAX))
        except (FileRefused, Unparsed):
            parsed.broken.append(file.path)
        else:
            parsed.functions.extend((file.path, found) for found in functions)
    return parsed


def _python_figures(parsed: _Parsed) -> PythonFigures:
    functions = [found for _, found in parsed.functions]
    return PythonFigures(
        files=parsed.files,
        parsed=parsed.files - len(parsed.broken) - parsed.over_limit,
        broken=len(parsed.broken),
        broken_examples=[shown_path(path) for path in sorted(parsed.broken)[:_EXAMPLES_MAX]],
        over_limit=parsed.over_limit,
        functions=len(functions),
        functions_over_50_lines=sum(1 for found in functions if found.lines > _LONG_LINES),
        functions_over_complexity_10=sum(1 for found in functions if found.complexity > _COMPLEX),
    )


def _languages(code: Iterable[_Code]) -> list[LanguageBranches]:
    groups: defaultdict[str, list[_Code]] = defaultdict(list)
    for file in code:
        groups[file.language].append(file)
    figures = [
        LanguageBranches(
            language=language,
            files=len(files),
            lines=sum(file.lines for file in files),
            branches=sum(file.branches for file in files),
        )
        for language, files in groups.items()
    ]
    return sorted(figures, key=lambda row: (-row["lines"], row["language"]))


def _top_files(code: Iterable[_Code], top: int, *, key: Callable[[_Code], int]) -> list[CodeFile]:
    most = nsmallest(top, code, key=lambda file: (-key(file), os.fsencode(file.path)))
    return [
        CodeFile(
            path=shown_path(file.path),
            language=file.language,
            lines=file.lines,
            branches=file.branches,
        )
        for file in most
    ]


def _top_functions(
    parsed: _Parsed, top: int, *, key: Callable[[FunctionFound], int]
) -> list[FunctionFigures]:
    most = nsmallest(
        top, parsed.functions, key=lambda row: (-key(row[1]), os.fsencode(row[0]), row[1].line)
    )
    return [
        FunctionFigures(
            path=shown_path(path),
            line=found.line,
            name=found.name,
            lines=found.lines,
            complexity=found.complexity,
        )
        for path, found in most
    ]
