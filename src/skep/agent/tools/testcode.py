"""What tests look like in each language: their file names, their functions, their frameworks."""

import re
from typing import Final

from skep.agent.tools.languages import Language

_TEST_NAME: Final = re.compile(
    r"test_[^/]*\.pyi?|[^/]*_tests?\.py|tests?\.py"
    r"|[^/]*[._-](?:test|spec)\.[cm]?[jt]sx?"
    r"|[^/]*_test\.(?:go|rb|exs|dart|c|cc|cpp|lua|php|zig)|[^/]*_spec\.(?:rb|lua)"
    r"|(?:[^/]*[A-Za-z0-9_])?(?:Tests?|Spec|IT|TestCase)\.(?:java|kt|kts|scala|groovy|cs|swift|php)"
    r"|test_[^/]*\.(?:rb|c|cc|cpp|sh|lua|jl|r)|[^/]*\.(?:bats|t)"
)
_TEST_FOLDER: Final = re.compile(r"(?:^|/)(?:tests?|__tests__|specs?|testing|testdata|e2e)/")
_RUST_TEST_FOLDER: Final = re.compile(r"(?:^|/)tests/")

_PYTHON_TEST: Final = re.compile(rb"(?m)^[ \t]*(?:async[ \t]+)?def[ \t]+test\w*[ \t]*\(")
_JAVASCRIPT_TEST: Final = re.compile(rb"(?m)^[ \t]*(?:it|test)(?:\.\w{1,20}){0,2}[ \t]*[(`]")
_JVM_TEST: Final = re.compile(rb"(?m)@(?:Test|ParameterizedTest|RepeatedTest)\b")
_TEST_FUNCTION: Final = {
    "Python": _PYTHON_TEST,
    "JavaScript": _JAVASCRIPT_TEST,
    "TypeScript": _JAVASCRIPT_TEST,
    "Go": re.compile(rb"(?m)^func[ \t]+(?:Test|Benchmark|Fuzz|Example)\w*[ \t]*\("),
    "Rust": re.compile(rb"(?m)^[ \t]*#\[(?:\w{1,40}::){0,3}(?:test|rstest)\b"),
    "Ruby": re.compile(rb"(?m)^[ \t]*(?:(?:it|specify|test)[ \t]*[ \t('\"]|def[ \t]+test_\w)"),
    "Java": _JVM_TEST,
    "Kotlin": _JVM_TEST,
    "Groovy": _JVM_TEST,
    "C#": re.compile(rb"\[(?:Fact|Theory|Test|TestCase|TestMethod)\b"),
    "PHP": re.compile(rb"(?m)^[ \t]*public[ \t]+function[ \t]+test\w*[ \t]*\("),
    "Elixir": re.compile(rb"(?m)^[ \t]*test[ \t]+\""),
    "Swift": re.compile(rb"(?m)^[ \t]*func[ \t]+test\w*[ \t]*\("),
    "Dart": re.compile(rb"(?m)^[ \t]*test(?:Widgets)?\("),
    "C++": re.compile(rb"(?m)^[ \t]*(?:TEST(?:_F|_P)?|TEST_CASE)[ \t]*\("),
}
_FRAMEWORKS: Final = {
    "pytest": rb"^[ \t]*(?:import|from)[ \t]+pytest\b",
    "unittest": rb"^[ \t]*(?:import|from)[ \t]+unittest\b",
    "hypothesis": rb"^[ \t]*(?:import|from)[ \t]+hypothesis\b",
    "jest": rb"\bjest\.(?:fn|mock|spyOn)\b|['\"]@jest/",
    "vitest": rb"['\"]vitest['\"]",
    "mocha or chai": rb"['\"](?:mocha|chai)['\"]",
    "node:test": rb"['\"]node:test['\"]",
    "playwright": rb"['\"]@playwright/test['\"]|\bplaywright\.(?:sync|async)_api\b",
    "go testing": rb"^[ \t]*(?:import[ \t]+)?\"testing\"",
    "testify": rb"stretchr/testify",
    "junit": rb"\borg\.junit\b",
    "rspec": rb"^[ \t]*(?:RSpec\.)?describe[ \t(]",
    "minitest": rb"\bMinitest::|minitest/autorun",
    "cargo test": rb"^[ \t]*#\[test\]",
    "xunit": rb"^[ \t]*using[ \t]+Xunit\b",
    "nunit": rb"^[ \t]*using[ \t]+NUnit\b",
    "phpunit": rb"PHPUnit\\",
    "exunit": rb"\bExUnit\.Case\b",
    "googletest": rb"[<\"]gtest/gtest\.h",
    "catch2": rb"[<\"]catch2?/",
}
_FRAMEWORK: Final = {name: re.compile(b"(?m)" + pattern) for name, pattern in _FRAMEWORKS.items()}
_HEAD_BYTES: Final = 32_768
_TEST_AFFIX: Final = re.compile(r"(?i)^test_|[._-](?:tests?|spec)$|(?<=[a-z0-9])(?:Tests?|Spec)$")
_NAMED_BY_FOLDER: Final = frozenset({"__init__", "__main__", "index", "mod", "main", "lib"})


def is_test_file(path: str, language: Language, *, functions: int) -> bool:
    """Tell by its name whether code is a test; Rust has tests in any file of `tests/`."""
    if language.name == "Rust":
        return functions > 0 and _RUST_TEST_FOLDER.search(path) is not None
    return _TEST_NAME.fullmatch(path.rpartition("/")[2]) is not None


def is_support_file(path: str) -> bool:
    """Tell whether code that is no test itself stands among tests, as a conftest does."""
    return _TEST_FOLDER.search(path) is not None or path.endswith("conftest.py")


def test_functions_in(content: bytes, language: Language) -> int:
    """Count what has the form of a test function in the language."""
    pattern = _TEST_FUNCTION.get(language.name)
    return sum(1 for _ in pattern.finditer(content)) if pattern else 0


def frameworks_in(content: bytes) -> list[str]:
    """Name the test frameworks that a file imports or calls near its top."""
    head = content[:_HEAD_BYTES]
    return [name for name, pattern in _FRAMEWORK.items() if pattern.search(head)]


def module_words(path: str) -> set[bytes]:
    """Give the words by which a test would name this file.

    >>> sorted(module_words("src/skep/store.py") | module_words("web/user.service.ts"))
    [b'service', b'store', b'user']
    >>> module_words("src/skep/__init__.py") == module_words("tests/test_skep.py")
    True
    """
    folder, _, name = path.rpartition("/")
    stem = _TEST_AFFIX.sub("", name.rpartition(".")[0] or name)
    if stem in _NAMED_BY_FOLDER and folder:
        stem = folder.rpartition("/")[2]
    return {word.encode("utf-8", "replace") for word in stem.split(".") if word}
