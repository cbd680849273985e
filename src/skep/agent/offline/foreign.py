r"""Reports that the offline model did not write, made fit to stand inside another document.

An agent may answer with any text: with headings of every level, a code fence that never ends,
HTML that hides what follows, a JSON value. It keeps its words; what would change the document
around it is taken from it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from skep.agent.offline.sections.markup import code, plain
from skep.records.values import Json

LEAD_CHARS_MAX: Final = 300

_DEEPEST: Final = 6
_FENCE: Final = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_HEADING: Final = re.compile(r" {0,3}(?P<marks>#{1,6})(?=\s|$)")
_UNDERLINE: Final = re.compile(r" {0,3}(?P<mark>[=-])(?P=mark)*[ \t]*")
_HTML: Final = re.compile(r"(?P<code>(`+)(?!`).*?(?<!`)\2(?!`))|<(?=[A-Za-z/!?])")
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)
_NO_PROSE: Final = re.compile(r"\s*(?:[|>]|(?:[-*_] ?){3,}$)")
_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+")


def tamed(text: str, *, level: int) -> str:
    r"""Give a text its place in a document: its highest heading at `level`, its fences closed.

    >>> tamed("# Found\n\n<!-- it", level=3)
    '### Found\n\n\\<!-- it'
    """
    if (value := _value_of(text)) is not None:
        return f"```json\n{json.dumps(value, indent=2, sort_keys=True)}\n```"
    lines = _with_marks(_cleaned(text).split("\n"))
    highest = min((_level(line) for line, is_code in _told(lines) if not is_code), default=0)
    moved = [line if is_code else _moved(line, level - highest) for line, is_code in _told(lines)]
    return "\n".join([*moved, *_closing(lines)])


def lead_of(text: str) -> str:
    r"""Give the first words of a text that are prose, on one line; empty when there are none.

    >>> lead_of("# Found\n\n- one thing\n- another")
    'one thing'
    """
    if _value_of(text) is not None:
        shown = text if len(text) <= LEAD_CHARS_MAX else text[: LEAD_CHARS_MAX - 1] + "…"
        return f"It returned the value {code(shown, chars_max=LEAD_CHARS_MAX)}."
    words: list[str] = []
    for line, is_code in _told(_with_marks(_cleaned(text).split("\n"))):
        ends = not line.strip() or is_code or _HEADING.match(line) or _NO_PROSE.match(line)
        if words and (ends or _ITEM.match(line)):
            break
        if not ends:
            words.append(_ITEM.sub("", line, count=1).strip())
    return plain(" ".join(words), chars_max=LEAD_CHARS_MAX)


def _value_of(text: str) -> Json:
    """Read what a function agent returned; a text of its own is no value."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _cleaned(text: str) -> str:
    return _UNSEEN.sub("", text.replace("\r\n", "\n")).strip("\n").expandtabs(4)


def _told(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Tell of each line whether it belongs to a fenced block, fences included."""
    fence = ""
    for line in lines:
        found = _FENCE.fullmatch(line)
        if fence:
            yield line, True
            if found and not found["info"].strip() and found["fence"].startswith(fence):
                fence = ""
        else:
            fence = found["fence"] if found else ""
            yield line, bool(fence)


def _closing(lines: Sequence[str]) -> list[str]:
    """Close a block that was left open, as deep inside its list as it was opened."""
    opened: re.Match[str] | None = None
    for line in lines:
        found = _FENCE.fullmatch(line)
        if opened is None:
            opened = found
        elif found and not found["info"].strip() and found["fence"].startswith(opened["fence"]):
            opened = None
    return [opened["indent"] + opened["fence"]] if opened else []


def _with_marks(lines: Iterable[str]) -> list[str]:
    """Write headings that are underlined with marks, so that all are moved alike."""
    marked: list[str] = []
    last_is_prose = False
    for line, is_code in _told(lines):
        found = None if is_code else _UNDERLINE.fullmatch(line)
        if found and last_is_prose:
            marked[-1] = f"{'#' if found['mark'] == '=' else '##'} {marked[-1].strip()}"
            last_is_prose = False
            continue
        marked.append(line)
        is_text = bool(line.strip()) and not line.startswith("    ")
        starts_block = _HEADING.match(line) or _NO_PROSE.match(line) or _ITEM.match(line)
        last_is_prose = is_text and not is_code and not starts_block
    return marked


def _level(line: str) -> int:
    found = _HEADING.match(line)
    return len(found["marks"]) if found else _DEEPEST


def _moved(line: str, deeper: int) -> str:
    line = _HTML.sub(lambda found: found[0] if found["code"] else "\\<", line)
    if not _HEADING.match(line):
        return line
    return "#" * min(_DEEPEST, _level(line) + deeper) + " " + line.lstrip(" #").strip()
