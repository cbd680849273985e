"""The tests in words: how many, with what, and the modules that none of them mentions."""

from collections.abc import Iterator
from typing import Final

from skep.agent.offline.sections.markup import ROWS_MAX, and_more, code, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import not_read
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, share, some
from skep.agent.tools.tests_layout import TestsLayout

_FEW_PERCENT: Final = 20
_EXAMPLES_MAX: Final = 5


def tests_layout(found: TestsLayout) -> Section:  # no test, whatever its first four letters say
    """Write how the code is tested, as far as files show."""
    return Section(
        tools=("tests_layout",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: TestsLayout) -> str:
    sources = counted(found["source_files"], "source file")
    if not found["test_files"]:
        if not found["source_files"]:
            return "No code was found, and so no tests."
        return f"No file is named like a test, beside {sources}{_of_lines(found)}."
    files = counted(found["test_files"], "test file")
    functions = counted(found["test_functions"], "test function")
    largest = found["largest_test_files"][0]
    return (
        f"{functions} in {files}{_with(found)}; the largest is {code(largest['path'])} with"
        f" {counted(largest['lines'], 'line')}. {_against(found, sources)}"
    )


def _of_lines(found: TestsLayout) -> str:
    return f" of {counted(found['source_lines'], 'line')}"


def _with(found: TestsLayout) -> str:
    names = [plain(seen["framework"]) for seen in found["frameworks"]]
    return f", with {some(names, total=len(names), most=5)}" if names else ""


def _against(found: TestsLayout, sources: str) -> str:
    if not found["source_files"]:
        return "There is no code beside the tests."
    rest = (
        f"; {figure(found['unmentioned'])} of {sources} are mentioned by no test"
        if found["unmentioned"] != 1
        else f"; 1 of {sources} is mentioned by no test"
    )
    tests = counted(found["test_lines"], "line")
    ratio = share(found["test_lines"], found["source_lines"])
    of_source = f"{counted(found['source_lines'], 'line')} of source ({ratio})"
    return f"{tests} of tests stand beside {of_source}{rest}."


def _evidence(found: TestsLayout) -> Iterator[str]:
    if found["test_files"] or found["source_files"]:
        yield part("Tests and sources", _totals(found), not_read(found["scope"]))
    if found["frameworks"]:
        rows = [
            (plain(seen["framework"]), seen["files"], code(seen["example"]))
            for seen in found["frameworks"]
        ]
        yield part("Frameworks", table(("Framework", "Files", "For example"), rows))
    if found["largest_test_files"]:
        files = [
            (code(file["path"]), file["lines"], file["test_functions"])
            for file in found["largest_test_files"]
        ]
        yield part("Largest test files", table(("File", "Lines", "Test functions"), files))
    if found["unmentioned_modules"] and found["test_files"]:
        longest = found["unmentioned_modules"][:ROWS_MAX]
        modules = [(code(module["path"]), module["lines"]) for module in longest]
        drawn = table(("Module", "Lines"), modules)
        yield part(
            "Modules that no test mentions", drawn + and_more(found["unmentioned"] - len(modules))
        )


def _totals(found: TestsLayout) -> str:
    return table(
        ("", "Files", "Lines"),
        [
            ("Sources", found["source_files"], found["source_lines"]),
            (
                "Tests and what supports them",
                found["test_files"] + found["support_files"],
                found["test_lines"],
            ),
        ],
    )


def _remarks(found: TestsLayout) -> Iterator[Remark]:
    if not found["source_files"]:
        return
    if not found["test_files"]:
        sources = counted(found["source_files"], "source file")
        yield Remark(Rule.NO_TESTS, f"{sources}{_of_lines(found)}, not one test file.")
        return
    if number := found["unmentioned"]:
        named = [
            f"{code(module['path'])} ({counted(module['lines'], 'line')})"
            for module in found["unmentioned_modules"]
        ]
        yield Remark(Rule.UNMENTIONED, f"{some(named, total=number, most=_EXAMPLES_MAX)}.")
    if 100 * found["test_lines"] < _FEW_PERCENT * found["source_lines"]:
        lines = [figure(found["test_lines"]), figure(found["source_lines"])]
        yield Remark(Rule.FEW_TESTS, f"{lines[0]} lines of tests for {lines[1]} of source.")
