"""What tests there are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skep.agent.tools.languages import language_of
from skep.agent.tools.shelf import SHELF
from skep.agent.tools.testcode import is_test_file
from skep.agent.tools.testcode import test_functions_in as count
from skep.agent.workspace import Workspace

Write = Callable[..., Path]

layout = SHELF["tests_layout"].run


def test_tests_and_sources_are_told_apart(write: Write, workspace: Workspace) -> None:
    """Test files, their support, their functions and their lines against those of the source."""
    write("src/app.py", "def add(): ...\n" * 4)
    write("tests/conftest.py", "import pytest\n")
    write("tests/test_app.py", "import pytest\n\ndef test_a(): ...\n\nasync def test_b(): ...\n")
    write("README.md", "words\n")

    found = layout(workspace)

    figures = ("test_files", "support_files", "test_functions", "test_lines", "source_lines")
    assert [found[name] for name in figures] == [1, 1, 2, 6, 4]
    assert found["test_lines_per_source_line"] == 1.5
    assert found["frameworks"] == [
        {"framework": "pytest", "files": 2, "example": "tests/conftest.py"}
    ]


def test_modules_that_no_test_mentions_are_named(write: Write, workspace: Workspace) -> None:
    """A module is mentioned by its name in a test or by the name of a test file."""
    write("src/used.py", "x = 1\n")
    write("src/named.py", "x = 1\n")
    write("src/lonely.py", "x = 1\nx = 2\n")
    write("src/empty.py", "")
    write("tests/test_named.py", "from src import used\n")

    found = layout(workspace)

    assert found["unmentioned_modules"] == [{"path": "src/lonely.py", "lines": 2}]
    assert found["unmentioned"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_a.py",
        "a_test.go",
        "web/a.spec.ts",
        "web/a.test.jsx",
        "spec/a_spec.rb",
        "src/test/java/ATest.java",
        "AppTests.cs",
        "test/a_test.exs",
    ],
)
def test_a_test_file_is_known_by_its_name(path: str) -> None:
    """The conventions of the common languages are known."""
    assert is_test_file(path, language_of(path), functions=1)


@pytest.mark.parametrize("path", ["latest.py", "contest.go", "a.ts", "Testing.java", "attest.rb"])
def test_a_name_that_merely_contains_test_is_none(path: str) -> None:
    """Words that have `test` in them do not make a test file."""
    assert not is_test_file(path, language_of(path), functions=1)


@pytest.mark.parametrize(
    ("path", "content", "functions"),
    [
        ("a.py", b"class T:\n    def test_a(self): ...\n    def help(self): ...\n", 1),
        ("a.ts", b"it('a', () => {})\ntest.each([1])('b', f)\nsubmit(1)\n", 2),
        ("a.go", b"func TestA(t *testing.T) {}\nfunc help() {}\n", 1),
        ("a.rs", b"#[test]\nfn a() {}\n#[tokio::test]\nasync fn b() {}\n", 2),
        ("a.java", b"@Test\nvoid a() {}\n@ParameterizedTest\n@TestFactory\n", 2),
        ("a.rb", b"it 'works' do\nend\nitem = 1\n", 1),
        ("a.md", b"def test_a(): ...\n", 0),
    ],
)
def test_functions_are_counted_by_their_form(path: str, content: bytes, functions: int) -> None:
    """A test function is what its language's framework takes for one."""
    assert count(content, language_of(path)) == functions
