"""How the workspace is tested: test files, frameworks, functions, and modules no test mentions."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, TypedDict

from skep.agent.files import TextFile
from skep.agent.names import shown_path
from skep.agent.tools.languages import language_of
from skep.agent.tools.scope import TOP, Scope, at_most, scope_of
from skep.agent.tools.testcode import (
    frameworks_in,
    is_support_file,
    is_test_file,
    module_words,
    test_functions_in,
)
from skep.agent.workspace import TEXT_BYTES_MAX, Workspace

WORDS_MAX: Final = 500_000
"""How many distinct words of test files are remembered."""

_WORD: Final = re.compile(rb"[A-Za-z0-9_-]{2,80}")


class FrameworkSeen(TypedDict):
    """A test framework, in how many files it shows, and the first of them."""

    framework: str
    files: int
    example: str


class LanguageTests(TypedDict):
    """The tests of one language."""

    language: str
    test_files: int
    test_functions: int


class FileOfTests(TypedDict):
    """A test file."""

    path: str
    lines: int
    test_functions: int


class ModuleLines(TypedDict):
    """A source file and its line count."""

    path: str
    lines: int


class TestsLayout(TypedDict):
    """How the code of the workspace is tested, as far as files show."""

    scope: Scope
    test_files: int
    support_files: int
    test_functions: int
    test_lines: int
    source_files: int
    source_lines: int
    test_lines_per_source_line: float
    frameworks: list[FrameworkSeen]
    languages: list[LanguageTests]
    largest_test_files: list[FileOfTests]
    unmentioned: int
    unmentioned_modules: list[ModuleLines]


def tests_layout(  # no test, whatever its first four letters say
    workspace: Workspace,
    *,
    top: int = TOP,  # noqa: PT028 - a tool has defaults
) -> TestsLayout:
    """Tell which files are tests, what they use, and which source files no test mentions.

    Test files are known by name (test_*.py, *.spec.ts, *_test.go, FooTest.java and the like),
    test functions by their form; `support_files` are other code in a folder of tests, and their
    lines count as test lines. A module is unmentioned when no test file contains its name as a
    word: a hint, not coverage. Nothing is run.

    Args:
        workspace: What to read.
        top: How many of the largest test files and unmentioned modules to name.
    """
    top = at_most(top)
    listing = workspace.listing()
    found = _Found()
    for file in workspace.texts(listing):
        found.add(file)
    tests, sources = found.tests.values(), found.sources
    test_lines = sum(test.lines for test in tests) + found.support_lines
    source_lines = sum(sources.values())
    unmentioned = found.unmentioned()
    return TestsLayout(
        scope=scope_of(listing, bytes_max=TEXT_BYTES_MAX),
        test_files=len(tests),
        support_files=found.support_files,
        test_functions=sum(test.functions for test in tests),
        test_lines=test_lines,
        source_files=len(sources),
        source_lines=source_lines,
        test_lines_per_source_line=round(test_lines / source_lines, 3) if source_lines else 0.0,
        frameworks=found.frameworks_seen(),
        languages=_languages(tests),
        largest_test_files=_largest_tests(found.tests, top),
        unmentioned=len(unmentioned),
        unmentioned_modules=_longest(unmentioned, top),
    )


@dataclass(frozen=True, slots=True)
class _Test:
    language: str
    lines: int
    functions: int


@dataclass(slots=True)
class _Found:
    tests: dict[str, _Test] = field(default_factory=dict[str, _Test])
    sources: dict[str, int] = field(default_factory=dict[str, int])
    support_files: int = 0
    support_lines: int = 0
    words: set[bytes] = field(default_factory=set[bytes])
    frameworks: defaultdict[str, list[str]] = field(
        default_factory=lambda: defaultdict[str, list[str]](list)
    )

    def add(self, file: TextFile) -> None:
        language = language_of(file.path, file.content)
        functions = test_functions_in(file.content, language)
        if language.is_code and is_test_file(file.path, language, functions=functions):
            self.tests[file.path] = _Test(language.name, file.lines, functions)
            self._remember(file)
        elif language.is_code and is_support_file(file.path):
            self.support_files += 1
            self.support_lines += file.lines
            self._remember(file)
        elif language.is_code:
            self.sources[file.path] = file.lines

    def _remember(self, file: TextFile) -> None:
        for framework in frameworks_in(file.content):
            self.frameworks[framework].append(file.path)
        if len(self.words) < WORDS_MAX:
            self.words.update(module_words(file.path))
            self.words.update(_WORD.findall(file.content))

    def unmentioned(self) -> dict[str, int]:
        return {
            path: lines
            for path, lines in self.sources.items()
            if lines and not module_words(path) <= self.words
        }

    def frameworks_seen(self) -> list[FrameworkSeen]:
        return [
            FrameworkSeen(framework=framework, files=len(paths), example=shown_path(paths[0]))
            for framework, paths in sorted(self.frameworks.items())
        ]


def _languages(tests: Iterable[_Test]) -> list[LanguageTests]:
    files: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for test in tests:
        files[test.language] += 1
        functions[test.language] += test.functions
    return [
        LanguageTests(language=language, test_files=count, test_functions=functions[language])
        for language, count in sorted(files.items())
    ]


def _largest_tests(tests: dict[str, _Test], top: int) -> list[FileOfTests]:
    most = nsmallest(top, tests.items(), key=lambda row: (-row[1].lines, os.fsencode(row[0])))
    return [
        FileOfTests(path=shown_path(path), lines=test.lines, test_functions=test.functions)
        for path, test in most
    ]


def _longest(modules: dict[str, int], top: int) -> list[ModuleLines]:
    most = nsmallest(top, modules.items(), key=lambda row: (-row[1], os.fsencode(row[0])))
    return [ModuleLines(path=shown_path(path), lines=lines) for path, lines in most]
