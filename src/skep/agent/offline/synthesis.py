"""The synthesis of an offline swarm: what each task found, joined without adding a word of its own."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One task's report, as it was handed over."""

    task: str
    agent: str
    status: str
    text: str


def synthesis(objective: str, reports: Sequence[Report]) -> str:
    """Join reports into one Markdown text."""
    return f"{objective}\n\n" + "\n\n".join(
        f"## {report.task}\n\n{report.text}" for report in reports
    )
