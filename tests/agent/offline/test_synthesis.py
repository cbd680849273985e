"""How the reports of an offline swarm become one."""

from collections.abc import Callable, Mapping

import pytest

from skep.agent.offline.sections import written
from skep.agent.offline.sections.rules import Rule
from skep.agent.offline.synthesis import SYNTHESIS_BYTES_MAX, Report, synthesis
from skep.records.values import Json

Findings = Callable[[str], Mapping[str, Json]]

TOOLS = (
    "inventory",
    "complexity",
    "churn",
    "secrets",
    "todos",
    "tests_layout",
    "dependencies",
    "documentation",
)


def report(text: str, *, task: str = "review", status: str = "succeeded") -> Report:
    return Report(task=task, agent="ann", status=status, text=text)


@pytest.fixture
def audit(repository: None, findings: Findings) -> list[Report]:
    """The reports of every tool on the small repository."""
    return [report(written(tool, findings(tool)), task=tool) for tool in TOOLS]


def under(heading: str, text: str) -> str:
    return text.partition(f"\n\n{heading}\n\n")[2].partition("\n\n## ")[0]


def test_it_is_titled_and_signed(audit: list[Report]) -> None:
    """The objective is the title, and the next line says that no language model wrote this."""
    lines = synthesis("Audit this repository", audit).splitlines()

    assert lines[0] == "# Audit this repository"
    assert lines[2] == (
        "*Written by the offline model: fixed rules over what the agents' tools returned, no"
        " language model. It joins 8 reports.*"
    )


def test_each_task_is_summed_up_by_its_lead(audit: list[Report]) -> None:
    """In short there is one bullet per task, with its first paragraph."""
    bullets = under("## In short", synthesis("Audit", audit)).splitlines()

    assert [bullet.partition("**: ")[0] for bullet in bullets] == [
        "- **Inventory",
        "- **Complexity",
        "- **Churn",
        "- **Secrets",
        "- **Todos",
        "- **Tests layout",
        "- **Dependencies",
        "- **Documentation",
    ]
    assert bullets[4].endswith("1 line in 1 file is marked: 1 FIXME; it is in `src/menu.py`.")


def test_remarks_come_gravest_first(audit: list[Report]) -> None:
    """What is worth a look is ranked by a fixed order, each with its rule and its task."""
    numbered = under("## Worth a look first", synthesis("Audit", audit)).splitlines()[2:]

    assert [line.partition("**")[2].partition(".**")[0] for line in numbered] == [
        "Credentials in the open",
        "Unpinned dependencies",
        "Manifests without a lock",
        "Modules that no test mentions",
        "Little test code",
        "Complex functions",
        "Long functions",
        "Dead links",
        "Urgent markers",
        "No licence file",
    ]
    assert numbered[1] == (
        "2. **Unpinned dependencies.** `rich` in `pyproject.toml`."
        " *Rule: a declared dependency without any version constraint.* (Dependencies)"
    )


def test_each_report_has_a_section_with_its_evidence(audit: list[Report]) -> None:
    """A section names its task, agent and tool, and has the report's headings one level down."""
    text = synthesis("Audit", audit)

    section = under("## Churn", text)
    assert section.startswith("*Task `churn` by agent `ann` from the tool `churn`.*\n\n### Source")
    assert "### Files changed most often\n\n| File        | Commits |" in section
    assert "Worth a look" not in section


def test_the_same_reports_give_the_same_bytes(audit: list[Report]) -> None:
    """Nothing but the reports goes into a synthesis."""
    assert synthesis("Audit", audit) == synthesis("Audit", list(audit))


def test_what_does_not_stand_first_stands_in_its_section() -> None:
    """Of more than ten remarks the least grave stay with their reports."""
    rules = [f"- **{rule.title}.** It is so. *Rule: it is.*" for rule in Rule][:12]
    body = "\n\n".join(["All.", "## Worth a look", "\n".join(rules)])
    signature = "*Written by the offline model (fixed rules, no language model) from the tool `x`.*"

    text = synthesis("Audit", [report(f"{body}\n\n{signature}")])

    assert "2 more stand in the sections below." in text
    rest = under("## Review", text).partition("### Also worth a look\n\n")[2].splitlines()
    assert [line.partition(".**")[0] for line in rest] == [
        f"- **{rule.title}" for rule in list(Rule)[10:12]
    ]


def test_a_file_both_hot_and_large_is_found_across_reports() -> None:
    """A file of two reports, changed often and large, is a remark that neither could make."""
    signature = "*Written by the offline model (fixed rules, no language model) from the tool `x`.*"
    head = "| File | N |\n| ---- | -: |\n"
    churn = f"C.\n\n## Files changed most often\n\n{head}| `a\\|b.py` | 1,200 | x |\n| `c.py` | 4 |"
    large = (
        f"L.\n\n## Longest and most branching files\n\n{head}| `c.py` | 9 |\n| `a\\|b.py` | 800 |"
    )

    text = synthesis("Audit", [report(f"{part}\n\n{signature}") for part in (churn, large)])

    assert "1. **Large and often changed.** `a|b.py` (1,200 commits, 800 lines). *Rule:" in text


def test_tasks_that_failed_are_said_to_have_failed() -> None:
    """A failure stands in short and in its section, with its reason."""
    reports = [
        report("The disk is gone.", task="churn", status="failed"),
        report("", task="todos", status="cancelled"),
    ]

    text = synthesis("Audit", reports)

    assert "It joins 2 reports, 2 of them without success.*" in text
    assert "- **Churn** failed: The disk is gone." in text
    assert "- **Todos** was cancelled, without a reason given." in text
    assert "*Task `churn` by agent `ann`.*\n\nThe task failed: The disk is gone." in text
    assert "Nothing met a rule of the offline model." in text


def test_a_report_of_another_agent_keeps_its_words() -> None:
    """A text without our form gives its first prose in short, and stands whole in its section."""
    text = synthesis("Audit", [report("# Review\n\nAll **is** well.\n\n## Why\n\n- it works")])

    assert "- **Review**: All is well." in text
    assert "### Review\n\nAll **is** well.\n\n#### Why\n\n- it works" in text


@pytest.mark.parametrize(
    ("value", "lead", "body"),
    [
        ('{"b":1}', 'It returned the value `{"b":1}`.', '```json\n{\n  "b": 1\n}\n```'),
        ('"done"', "done", "done"),
        ("42", "42", "42"),
    ],
)
def test_a_value_of_a_function_is_shown_as_one(value: str, lead: str, body: str) -> None:
    """What a function agent returned is JSON, unless it is a text."""
    text = synthesis("Audit", [report(value)])

    assert f"- **Review**: {lead}\n" in text
    assert under("## Review", text).endswith(f"\n\n{body}\n")


def test_an_objective_is_a_title_whatever_it_says() -> None:
    """Line ends and markup of an objective do not become markup of the report."""
    text = synthesis("Look *here*\n# and there", [])

    assert text.startswith("# Look \\*here\\* \\# and there\n\n")
    assert "No task handed over a report." in text


def test_it_stays_small_however_much_is_reported() -> None:
    """Hundreds of long reports are bounded, and what was left out is counted."""
    reports = [report(f"{'Word ' * 300}\n\n{'中' * 50_000}", task=f"part-{n}") for n in range(600)]

    text = synthesis("Audit", reports)

    assert len(text.encode()) <= SYNTHESIS_BYTES_MAX
    assert "further sections are left out here; the tasks' own results hold them." in text
    assert "further characters stand in the task's own result." in text
