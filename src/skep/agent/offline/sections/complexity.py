"""Size and complexity in words: the files and functions that are hardest to read."""

from collections.abc import Iterator, Sequence
from typing import Final

from skep.agent.offline.sections.markup import code, place, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import not_read
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, some
from skep.agent.tools.complexity import CodeFile, Complexity, FunctionFigures

LONG_FILE_LINES: Final = 1_000
FILES_HEADING: Final = "Longest and most branching files"

_LONG_LINES: Final = 50
_COMPLEX: Final = 10
_EXAMPLES_MAX: Final = 3


def complexity(found: Complexity) -> Section:
    """Write where the code is large or branches much."""
    return Section(
        tools=("complexity",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: Complexity) -> str:
    if not found["code_files"]:
        return "No file of a known programming language was found, so there is no code to measure."
    longest = found["longest_files"][0]
    return (
        f"{counted(found['code_lines'], 'line')} of code in {counted(found['code_files'], 'file')};"
        f" the longest is {code(longest['path'])} with {counted(longest['lines'], 'line')}."
        f" {_functions_sentence(found)}"
    )


def _functions_sentence(found: Complexity) -> str:
    python = found["python"]
    if not python["files"]:
        most = found["most_branching_files"][0]
        return (
            "There is no Python, so functions were not measured; most decisions, an estimated"
            f" {figure(most['branches'])}, are in {code(most['path'])}."
        )
    if not found["most_complex_functions"]:
        return "No Python function was found."
    most_complex = found["most_complex_functions"][0]
    return (
        f"Of {counted(python['functions'], 'Python function')}{_parsed(found)},"
        f" {_none(python['functions_over_complexity_10'])} over a complexity of 10 and"
        f" {_none(python['functions_over_50_lines'])} over 50 lines; the most complex is"
        f" {_named(most_complex)} with {figure(most_complex['complexity'])}."
    )


def _parsed(found: Complexity) -> str:
    python = found["python"]
    if not python["over_limit"]:
        return ""
    return f" in {figure(python['parsed'])} of {counted(python['files'], 'file')}, the largest"


def _none(number: int) -> str:
    return f"{figure(number) if number else 'none'} {'are' if number > 1 else 'is'}"


def _named(function: FunctionFigures) -> str:
    return f"{code(function['name'])} in {place(function['path'], function['line'])}"


def _evidence(found: Complexity) -> Iterator[str]:
    if not found["code_files"]:
        skipped = not_read(found["scope"])
        yield from [part("Files", skipped)] if skipped else []
        return
    yield part("Code by language", _languages(found), not_read(found["scope"]))
    yield part(FILES_HEADING, _files(found))
    if functions := _functions(found):
        yield part("Longest and most complex functions", functions, _limits(found))


def _languages(found: Complexity) -> str:
    return table(
        ("Language", "Files", "Lines", "Decisions (estimated)"),
        [
            (plain(row["language"]), row["files"], row["lines"], row["branches"])
            for row in found["languages"]
        ],
    )


def _files(found: Complexity) -> str:
    files = {
        file["path"]: file for file in (*found["longest_files"], *found["most_branching_files"])
    }
    ordered = sorted(files.values(), key=lambda file: (-file["lines"], file["path"]))
    return table(("File", "Lines", "Decisions (estimated)"), [_file(file) for file in ordered])


def _file(file: CodeFile) -> tuple[str, int, int]:
    return code(file["path"]), file["lines"], file["branches"]


def _functions(found: Complexity) -> str:
    most = (*found["most_complex_functions"], *found["longest_functions"])
    functions = {(row["path"], row["line"], row["name"]): row for row in most}
    ordered = sorted(
        functions.values(),
        key=lambda row: (-row["complexity"], -row["lines"], row["path"], row["line"]),
    )
    rows = [
        (code(row["name"]), place(row["path"], row["line"]), row["complexity"], row["lines"])
        for row in ordered
    ]
    return table(("Function", "Place", "Complexity", "Lines"), rows) if rows else ""


def _limits(found: Complexity) -> str:
    python = found["python"]
    told = f"Complexity is McCabe's, from the syntax trees of {figure(python['parsed'])} of"
    told = f"{told} {counted(python['files'], 'Python file')}."
    if python["over_limit"]:
        left = counted(python["over_limit"], "file was", many="files were")
        told = f"{told} {left} not parsed, to bound the time that it takes."
    return told


def _remarks(found: Complexity) -> Iterator[Remark]:
    python = found["python"]
    yield from _function_remarks(found)
    if broken := python["broken"]:
        named = [code(path) for path in python["broken_examples"]]
        yield Remark(Rule.UNPARSED, f"{some(named, total=broken, most=5)}.")
    long = [row for row in found["longest_files"] if row["lines"] > LONG_FILE_LINES]
    if long:
        named = [f"{code(row['path'])} ({counted(row['lines'], 'line')})" for row in long]
        is_open = len(long) == len(found["longest_files"]) < found["code_files"]
        shown = some(named, total=len(long), most=_EXAMPLES_MAX, is_open=is_open)
        yield Remark(Rule.LONG_FILES, f"{shown}.")


def _function_remarks(found: Complexity) -> Iterator[Remark]:
    if number := found["python"]["functions_over_complexity_10"]:
        over = [row for row in found["most_complex_functions"] if row["complexity"] > _COMPLEX]
        first = [f"{_named(row)} ({figure(row['complexity'])})" for row in over]
        yield Remark(Rule.COMPLEX_FUNCTIONS, _over(number, first))
    if number := found["python"]["functions_over_50_lines"]:
        over = [row for row in found["longest_functions"] if row["lines"] > _LONG_LINES]
        first = [f"{_named(row)} ({counted(row['lines'], 'line')})" for row in over]
        yield Remark(Rule.LONG_FUNCTIONS, _over(number, first))


def _over(number: int, first: Sequence[str]) -> str:
    return f"{some(first, total=number, most=_EXAMPLES_MAX)}."
