"""Files that two reports name: changed most often, and among the longest or most branching."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from skep.agent.offline.sections.churn import FILES_HEADING as CHANGED
from skep.agent.offline.sections.complexity import FILES_HEADING as LARGE
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.words import some

COMMITS_MIN: Final = 5

_EXAMPLES_MAX: Final = 5
_ROW: Final = re.compile(r"\| (?P<file>(?:\\.|[^\\|])+?) +\| +(?P<number>[\d,]+) \|.*")


def hot_spots(reports: Iterable[str]) -> list[Remark]:
    """Find the files of both tables, those changed most often first; no file, no remark."""
    changed: dict[str, int] = {}
    large: dict[str, int] = {}
    for report in reports:
        changed.update(_numbers(report, CHANGED))
        large.update(_numbers(report, LARGE))
    return [Remark(Rule.HOT_SPOTS, f"{hot}.")] if (hot := _named(changed, large)) else []


def _named(changed: Mapping[str, int], large: Mapping[str, int]) -> str:
    both = [file for file in changed if file in large and changed[file] >= COMMITS_MIN]
    both.sort(key=lambda file: (-changed[file], file))
    named = [f"{file} ({changed[file]:,} commits, {large[file]:,} lines)" for file in both]
    return some([name.replace("\\|", "|") for name in named], total=len(both), most=_EXAMPLES_MAX)


def _numbers(report: str, heading: str) -> Iterator[tuple[str, int]]:
    _, _, after = report.partition(f"## {heading}\n\n")
    for line in after.partition("\n\n")[0].split("\n"):
        if found := _ROW.fullmatch(line):
            yield found["file"], int(found["number"].replace(",", ""))
