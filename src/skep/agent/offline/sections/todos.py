"""Debts in words: how many lines are marked, where most of them are, and what they say."""

from collections.abc import Iterator
from typing import Final

from skep.agent.offline.sections.markup import and_more, code, place, plain, quoted, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import not_read, searched
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, listed, some
from skep.agent.tools.todos import TodoItem, Todos

_ORDER: Final = {"FIXME": 0, "XXX": 1, "HACK": 2}
_ITEMS_MAX: Final = 20
_CROWD: Final = 10
_EXAMPLES_MAX: Final = 3


def todos(found: Todos) -> Section:
    """Write which debts the code itself admits."""
    return Section(
        tools=("todos",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: Todos) -> str:
    if not found["total"]:
        return f"No line is marked {_names(found)} in {searched(found['scope'])}."
    markers = [f"{figure(number)} {plain(marker)}" for marker, number in _used(found)]
    several = " (a line may bear several)" if _bears_several(found) else ""
    in_files = counted(found["files_with_markers"], "file")
    return (
        f"{counted(found['total'], 'line')} in {in_files}"
        f" {'is' if found['total'] == 1 else 'are'} marked: {listed(markers)}{several};"
        f" {_fullest(found)}."
    )


def _fullest(found: Todos) -> str:
    fullest = found["files"][0]
    if found["files_with_markers"] == 1:
        return f"{'it is' if found['total'] == 1 else 'all are'} in {code(fullest['path'])}"
    return f"no file has more than {code(fullest['path'])} with {figure(fullest['lines'])}"


def _names(found: Todos) -> str:
    *others, last = [plain(marker) for marker in found["markers"]]
    return f"{', '.join(others)} or {last}" if others else last


def _used(found: Todos) -> list[tuple[str, int]]:
    return [(marker, number) for marker, number in found["markers"].items() if number]


def _bears_several(found: Todos) -> bool:
    return sum(found["markers"].values()) > found["total"]


def _evidence(found: Todos) -> Iterator[str]:
    if found["total"]:
        files = [(code(row["path"]), row["lines"]) for row in found["files"]]
        more = and_more(found["files_with_markers"] - len(files))
        yield part("Files with most marked lines", table(("File", "Marked lines"), files) + more)
        yield part("Marked lines, FIXME first", _items(found), _MEANING)
    if skipped := not_read(found["scope"]):
        yield part("Left out of the search", skipped)


_MEANING: Final = (
    "A line counts when it holds a marker as a whole word in capitals, in a comment or not."
)


def _items(found: Todos) -> str:
    items = sorted(found["items"], key=lambda item: _ORDER.get(item["marker"], len(_ORDER)))
    rows = [_row(item) for item in items[:_ITEMS_MAX]]
    drawn = table(("Place", "Marker", "Line"), rows)
    return drawn + and_more(found["total"] - len(rows))


def _row(item: TodoItem) -> tuple[str, str, str]:
    return place(item["path"], item["line"]), plain(item["marker"]), quoted(item["text"])


def _remarks(found: Todos) -> Iterator[Remark]:
    grave = [(marker, number) for marker, number in _used(found) if marker in _ORDER]
    if grave:
        markers = listed([f"{plain(name)} on {counted(lines, 'line')}" for name, lines in grave])
        places = [
            place(item["path"], item["line"]) for item in found["items"] if item["marker"] in _ORDER
        ]
        such_as = "such as" if len(places) > _EXAMPLES_MAX else "in"
        first = f", {such_as} {listed(places[:_EXAMPLES_MAX])}" if places else ""
        yield Remark(Rule.MARKED, f"{markers}{first}.")
    crowded = [row for row in found["files"] if row["lines"] >= _CROWD]
    if crowded:
        named = [f"{code(row['path'])} ({figure(row['lines'])})" for row in crowded]
        is_open = len(crowded) == len(found["files"]) < found["files_with_markers"]
        yield Remark(Rule.CROWDED, f"{some(named, total=len(crowded), most=5, is_open=is_open)}.")
