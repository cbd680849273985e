"""The synthesis of an offline swarm: what each task found, joined without a word of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skep.agent.offline.hotspots import hot_spots
from skep.agent.offline.parts import Parts, taken_apart
from skep.agent.offline.sections.markup import and_more, code, plain
from skep.agent.offline.sections.rules import rank_of
from skep.agent.offline.sections.words import counted, figure

SYNTHESIS_BYTES_MAX: Final = 200_000
REMARKS_MAX: Final = 10

_TITLE_CHARS_MAX: Final = 200
# Together with the title they stay below what a synthesis may have.
_SUMMARIES_BYTES_MAX: Final = 40_000
_REMARKS_BYTES_MAX: Final = 40_000
_SECTIONS_BYTES_MAX: Final = 115_000
_SUCCEEDED: Final = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One task's report, as it was handed over."""

    task: str
    agent: str
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class _Told:
    """A report beside its parts."""

    report: Report
    parts: Parts

    @property
    def has_succeeded(self) -> bool:
        return self.report.status == _SUCCEEDED

    @property
    def name(self) -> str:
        words = self.report.task.replace("_", " ").replace("-", " ").strip() or "task"
        return plain(words[0].upper() + words[1:], chars_max=80)


def synthesis(objective: str, reports: Sequence[Report]) -> str:
    """Join reports into one Markdown text, at most 200 KB long; the same reports give the same."""
    told = [_Told(report, taken_apart(report.text)) for report in reports]
    ranked = _ranked(told)
    first = _fitting(ranked[:REMARKS_MAX], _REMARKS_BYTES_MAX)
    blocks = [
        f"# {plain(objective, chars_max=_TITLE_CHARS_MAX) or 'Report'}",
        _origin(told),
        "## In short",
        _summaries(told),
        "## Worth a look first",
        _worth_a_look(first, len(ranked)),
        *_sections(told, set(first)),
    ]
    return "\n\n".join(blocks) + "\n"


def _origin(told: Sequence[_Told]) -> str:
    failed = sum(1 for one in told if not one.has_succeeded)
    outcome = f", {figure(failed)} of them without success" if failed else ""
    return (
        "*Written by the offline model: fixed rules over what the agents' tools returned, no"
        f" language model. It joins {counted(len(told), 'report')}{outcome}.*"
    )


def _summaries(told: Sequence[_Told]) -> str:
    if not told:
        return "No task handed over a report."
    bullets = [f"- **{one.name}**{_summary(one)}" for one in told]
    shown = _fitting(bullets, _SUMMARIES_BYTES_MAX)
    return "\n".join(shown) + and_more(len(told) - len(shown))


def _summary(one: _Told) -> str:
    if one.has_succeeded:
        return f": {one.parts.lead or 'it handed over a report without a sentence.'}"
    return f" {_ending(one)}."


def _ending(one: _Told) -> str:
    verb = {"failed": "failed", "cancelled": "was cancelled"}.get(one.report.status)
    verb = verb or f"ended as {plain(one.report.status)}"
    reason = plain(one.report.text).removesuffix(".")
    return f"{verb}: {reason}" if reason and reason != "null" else f"{verb}, without a reason given"


def _ranked(told: Sequence[_Told]) -> list[str]:
    """Bring the remarks of all tasks into the order of their gravity, each with its source."""
    ours = [one for one in told if one.has_succeeded and one.parts.tools]
    remarks = [remark for one in ours for remark in _named(one)]
    both = hot_spots(one.parts.findings for one in ours)
    remarks += [f"{remark.text} (Churn and complexity)" for remark in both]
    return sorted(remarks, key=rank_of)


def _named(one: _Told) -> list[str]:
    return [f"{remark} ({one.name})" for remark in one.parts.remarks]


def _worth_a_look(first: Sequence[str], total: int) -> str:
    if not first:
        return "Nothing met a rule of the offline model."
    order = "In a fixed order of gravity, each with the rule that it met and its task."
    if rest := total - len(first):
        stand = "stands" if rest == 1 else "stand"
        order = f"{order} {figure(rest)} more {stand} in the sections below."
    numbered = (f"{number}. {remark}" for number, remark in enumerate(first, 1))
    return f"{order}\n\n" + "\n".join(numbered)


def _sections(told: Sequence[_Told], shown: set[str]) -> list[str]:
    every = [_section(one, shown) for one in told]
    kept = _fitting(every, _SECTIONS_BYTES_MAX)
    if len(kept) < len(every):
        left = counted(len(every) - len(kept), "further section is", many="further sections are")
        kept.append(f"## Left out\n\n{left} left out here; the tasks' own results hold them.")
    return kept


def _section(one: _Told, shown: set[str]) -> str:
    if not one.has_succeeded:
        blocks = [f"The task {_ending(one)}."]
    else:
        blocks = [one.parts.evidence or one.parts.lead]
        rest = [f"- {remark}" for remark in _named(one) if remark not in shown]
        blocks += ["### Also worth a look", "\n".join(rest)] if rest else []
    return "\n\n".join([f"## {one.name}", _source(one), *filter(None, blocks)])


def _fitting(texts: Sequence[str], bytes_max: int) -> list[str]:
    """Take texts, from the first on, that there is room for."""
    kept: list[str] = []
    for text in texts:
        text_bytes = len(text.encode("utf-8", "replace"))
        if text_bytes <= bytes_max:
            kept.append(text)
            bytes_max -= text_bytes
    return kept


def _source(one: _Told) -> str:
    tools = f" from the {one.parts.tools}" if one.parts.tools and one.has_succeeded else ""
    agent = f" by agent {code(one.report.agent)}" if one.report.agent else ""
    return f"*Task {code(one.report.task)}{agent}{tools}.*"
