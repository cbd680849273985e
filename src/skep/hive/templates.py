"""What the planner knows without a language model: topics, and the words that ask for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One analyst's part of an analysis. An objective asks for it by a word's beginning."""

    key: str
    agent: str
    title: str
    stems: tuple[str, ...]


TOPICS: Final = (
    Topic(
        key="inventory",
        agent="cartographer",
        title="Count files, languages and lines, and name the largest files",
        stems=("inventor", "language", "files", "size", "largest", "overview"),
    ),
    Topic(
        key="complexity",
        agent="complexity-analyst",
        title="Find the longest and most branching code",
        stems=("complex", "debt", "refactor", "maintainab", "clean", "hotspot"),
    ),
    Topic(
        key="churn",
        agent="historian",
        title="Read the history: commits, authors, most changed files",
        stems=("churn", "histor", "commit", "author", "git", "hotspot"),
    ),
    Topic(
        key="secrets",
        agent="security-scout",
        title="Look for keys, tokens and passwords in files",
        stems=("secret", "secur", "credential", "password", "leak", "vulnerab"),
    ),
    Topic(
        key="todos",
        agent="debt-collector",
        title="Collect TODO, FIXME, XXX and HACK markers",
        stems=("todo", "fixme", "debt", "marker", "unfinished"),
    ),
    Topic(
        key="tests",
        agent="test-analyst",
        title="Describe the tests and what they do not mention",
        stems=("test", "coverage", "untested"),
    ),
    Topic(
        key="dependencies",
        agent="dependency-analyst",
        title="List declared dependencies, pins and lock files",
        stems=("dependenc", "package", "supply", "librar", "lock", "secur", "vulnerab"),
    ),
    Topic(
        key="documentation",
        agent="documentation-reviewer",
        title="Review README and documents, and find broken links",
        stems=("document", "docs", "readme", "links"),
    ),
)
"""In the order in which their reports stand."""

WHOLE: Final = (
    "audit",
    "analy",
    "review",
    "inspect",
    "assess",
    "examin",
    "check",
    "health",
    "quality",
    "describe",
    "explain",
    "summar",
    "understand",
    "survey",
    "report",
    "look",
    "scan",
    "explore",
)
"""Words that ask for every topic, when no topic is named."""

PLANNER_KEY: Final = "plan"
PLANNER_AGENT: Final = "planner"

SYNTHESIS_KEY: Final = "synthesis"
SYNTHESIS_AGENT: Final = "synthesizer"

GENERAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "research": "researcher",
        "design": "architect",
        "review": "reviewer",
    }
)
"""The team for an objective without a template, which only a language model can serve."""
