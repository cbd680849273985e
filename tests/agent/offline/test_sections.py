"""What the offline model writes about the findings of each tool."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from skep.agent.offline.sections import written
from skep.records.values import Json

Findings = Callable[[str], Mapping[str, Json]]
Write = Callable[..., Path]

TOOLS = (
    "inventory",
    "complexity",
    "churn",
    "secrets",
    "todos",
    "tests_layout",
    "dependencies",
    "documentation",
    "list_files",
)

LEADS = {
    "inventory": (
        "6 files (1.3 KB) with 98 lines of text in 3 languages and formats; 95 % of the lines are"
        " Python. The longest file is `src/till.py` with 87 lines."
    ),
    "complexity": (
        "93 lines of code in 3 files; the longest is `src/till.py` with 87 lines. Of 3 Python"
        " functions, 1 is over a complexity of 10 and 1 is over 50 lines; the most complex is"
        " `price` in `src/till.py:1` with 12."
    ),
    "churn": (
        "2 commits by 2 authors from 2024-02-03 to 2024-02-04, with changes to 6 files. The file"
        " changed most often is `README.md`, by 2 of 2 commits."
    ),
    "secrets": (
        "2 matches look like a credential in 6 files, as far as they were read: 1 of high"
        " confidence and 1 of low confidence; the surest is in `src/menu.py:1` (aws-access-key)."
    ),
    "todos": "1 line in 1 file is marked: 1 FIXME; it is in `src/menu.py`.",
    "tests_layout": (
        "1 test function in 1 test file, with pytest; the largest is `tests/test_till.py` with 4"
        " lines. 4 lines of tests stand beside 89 lines of source (4 %); 1 of 2 source files is"
        " mentioned by no test."
    ),
    "dependencies": (
        "2 dependencies in 1 manifest (`pyproject.toml`): 1 with a range of versions and 1 without"
        " a constraint. There is no lock file."
    ),
    "documentation": (
        "1 document of 3 lines together; `README.md` has 3 lines under 1 heading. Of 1 relative"
        " link, 1 is dead, the first in `README.md:3`."
    ),
    "list_files": "The tool `list_files` answered with 4 fields.",
}
NOTHING = {
    "inventory": "The workspace holds no files, so there is nothing to count.",
    "complexity": (
        "No file of a known programming language was found, so there is no code to measure."
    ),
    "churn": (
        "No git history was found (the workspace is in no git work tree, or git is not installed),"
        " so nothing is said of how files changed."
    ),
    "secrets": "Nothing that looks like a credential was found in 0 files.",
    "todos": "No line is marked TODO, FIXME, XXX or HACK in 0 files.",
    "tests_layout": "No code was found, and so no tests.",
    "dependencies": "No manifest was found, so no dependency is known.",
    "documentation": "No document (Markdown, reStructuredText or AsciiDoc) was found.",
    "list_files": "The tool `list_files` answered with 4 fields.",
}


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("tool", TOOLS)
def test_the_lead_has_names_and_figures(tool: str, findings: Findings) -> None:
    """The first paragraph says the most, in a sentence or two, with concrete files."""
    report = written(tool, findings(tool))

    assert report.partition("\n\n")[0] == LEADS[tool]


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("tool", TOOLS)
def test_a_report_says_who_wrote_it(tool: str, findings: Findings) -> None:
    """The last line names the offline model and the tool, so that nobody takes it for more."""
    report = written(tool, findings(tool))

    assert report.rpartition("\n\n")[2] == (
        f"*Written by the offline model (fixed rules, no language model) from the tool `{tool}`.*"
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_an_empty_folder_is_said_to_be_empty(tool: str, findings: Findings) -> None:
    """Where nothing was found, the report says so in plain words and finds no fault."""
    report = written(tool, findings(tool))

    assert report.partition("\n\n")[0] == NOTHING[tool]
    assert "Worth a look" not in report


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("tool", "remarks"),
    [
        ("inventory", []),
        (
            "complexity",
            [
                (
                    "- **Complex functions.** `price` in `src/till.py:1` (12)."
                    " *Rule: a cyclomatic complexity over 10.*"
                ),
                (
                    "- **Long functions.** `total` in `src/till.py:27` (61 lines)."
                    " *Rule: over 50 lines.*"
                ),
            ],
        ),
        ("churn", []),
        (
            "secrets",
            [
                (
                    "- **Credentials in the open.** `src/menu.py:1` (aws-access-key). *Rule: a"
                    " match of high confidence outside tests, documentation and examples.*"
                )
            ],
        ),
        (
            "todos",
            [
                (
                    "- **Urgent markers.** FIXME on 1 line, in `src/menu.py:2`."
                    " *Rule: a line with FIXME, XXX or HACK, in a comment or not.*"
                )
            ],
        ),
        (
            "dependencies",
            [
                (
                    "- **Unpinned dependencies.** `rich` in `pyproject.toml`."
                    " *Rule: a declared dependency without any version constraint.*"
                ),
                (
                    "- **Manifests without a lock.** `pyproject.toml` (2 dependencies)."
                    " *Rule: open versions, and no lock file beside the manifest or above it.*"
                ),
            ],
        ),
        (
            "documentation",
            [
                (
                    "- **Dead links.** `README.md:3` to `menu.md`."
                    " *Rule: a relative link whose target is not in the workspace.*"
                ),
                (
                    "- **No licence file.** Not one among 6 files. *Rule: no LICENSE, LICENCE or"
                    " COPYING at the top, in `docs` or in `.github`.*"
                ),
            ],
        ),
    ],
)
def test_rules_find_what_is_worth_a_look(tool: str, remarks: list[str], findings: Findings) -> None:
    """Each remark names its place, its figure and the rule that it met."""
    report = written(tool, findings(tool))

    assert [line for line in report.splitlines() if line.startswith("- **")] == remarks


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("tool", ["secrets", "todos"])
def test_no_credential_is_shown(tool: str, findings: Findings) -> None:
    """Neither a credential's own finding nor a quoted line has its value."""
    report = written(tool, findings(tool))

    assert "QZ7M4XK2" not in report
    assert "swordfish" not in report
    assert "****" in report


@pytest.mark.usefixtures("repository")
def test_what_was_not_read_is_stated(findings: Findings) -> None:
    """A binary file is left out, and the report says which one."""
    report = written("inventory", findings("inventory"))

    assert "Not read: 1 binary file (`logo.png`)." in report


@pytest.mark.usefixtures("repository")
def test_of_several_files_changed_as_often_none_is_called_the_first(
    write: Write, git: Callable[..., str], findings: Findings
) -> None:
    """A tie is said to be one, not settled by the alphabet."""
    write("src/till.py", "")
    git("commit", "--all", "--quiet", "--message=Close")

    report = written("churn", findings("churn"))

    assert "No file was changed more often than `README.md`, by 2 of 3 commits." in report


def test_a_readme_of_plain_text_is_a_readme(write: Write, findings: Findings) -> None:
    """A README without extension is not missing."""
    write("README", "hello\n")
    write("LICENSE", "free\n")

    report = written("documentation", findings("documentation"))

    assert "**No README.**" not in report
    assert "**No licence file.**" not in report


def test_code_without_tests_is_remarked(write: Write, findings: Findings) -> None:
    """Where no file is named like a test, the one remark is that there are none."""
    write("a.py", "x = 1\n")

    report = written("tests_layout", findings("tests_layout"))

    assert report.startswith("No file is named like a test, beside 1 source file of 1 line.")
    assert "- **No tests.** 1 source file of 1 line, not one test file." in report


def test_files_that_cannot_be_analysed_are_remarked(write: Write, findings: Findings) -> None:
    """A Python file that does not parse, a manifest that is none and a heavy file are named."""
    write("broken.py", "def (:\n")
    write("package.json", "{")
    write("heavy.bin", b"\0" * 1_500_000)

    reports = [
        written(tool, findings(tool)) for tool in ("complexity", "dependencies", "inventory")
    ]

    assert "- **Python that does not parse.** `broken.py`." in reports[0]
    assert "- **Manifests that cannot be read.** `package.json`." in reports[1]
    assert "- **Heavy files.** `heavy.bin` (1.5 MB)." in reports[2]


def test_tables_end_somewhere(write: Write, findings: Findings) -> None:
    """What does not fit into a table is counted below it."""
    write("a.py", "# TODO: more\n" * 500)

    report = written("todos", findings("todos"))

    assert "\n\n… and 480 more.\n\n" in report
    assert "- **Debts that pile up.** `a.py` (500)." in report


def test_findings_of_another_version_get_plain_words() -> None:
    """A recorded result that lacks fields is written down all the same."""
    report = written("inventory", {"files": 1234, "note": "a|b", "gone": None, "is": True})

    assert report.startswith("The tool `inventory` answered with 4 fields.")
    assert "| `files` | 1,234 " in report
    assert "| `note`  | `a\\|b` " in report


def test_a_future_tool_gets_plain_words() -> None:
    """Findings of any shape are told by field, long texts and lists by their size."""
    report = written("weather", {"rain": [1, 2], "report": "x\ny", "by": {"a": 1}})

    assert "| `rain`   | 2 entries" in report
    assert "| `report` | a text of 3 characters" in report
    assert "| `by`     | 1 field" in report


def test_no_findings_are_nothing() -> None:
    """A tool that returned an empty object found nothing."""
    report = written("weather", {})

    assert report.startswith("The tool `weather` found nothing.")
