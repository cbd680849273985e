r"""Reports that the offline model did not write, made fit to stand inside another document.

An agent may answer with any text: with headings of every level, a code fence that never ends,
HTML that hides what follows, a JSON value. It keeps its words; what would change the document
around it is taken from it. Blocks of code are told by fences that begin a line: those belong to
no list or quotation. A text with other fences is shown verbatim rather than half understood.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from skep.agent.offline.sections.markup import code, plain
from skep.records.values import Json

LEAD_CHARS_MAX: Final = 300

_DEEPEST: Final = 6
_OPENING: Final = re.compile(r"(?P<fence>`{3,}(?=[^`]*$)|~{3,})[^|]*")
_CLOSING: Final = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})[ \t]*")
_BEFORE: Final = r"(?P<before>\s*(?:(?:>|[-*+]\s|\d{1,9}[.)]\s)\s*)*)"
_ODD_FENCE: Final = re.compile(_BEFORE + r"(?:`{3}|~{3})")
_HEADING: Final = re.compile(_BEFORE + r"(?P<marks>#{1,6})(?=\s|$)(?P<text>.*)")
_UNDERLINE: Final = re.compile(r"(?P<before>[\s>]*)(?P<line>=+|-+)\s*")
_PROSE: Final = re.compile(
    r" {0,3}(?![\s#|>]|`{3}|~{3}|[-*+](?:\s|$)|\d{1,9}[.)](?:\s|$)|(?:[-*_] *){3,}$).+"
)
_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+")
_CODE: Final = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_ANY_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])")
_TAG: Final = re.compile(f"{_CODE.pattern}|{_ANY_TAG.pattern}")
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)


def tamed(text: str, *, level: int) -> str:
    r"""Give a text its place in a document: its highest heading at `level`, its fences closed.

    >>> tamed("# Found\n\n<!-- it", level=3)
    '### Found\n\n&lt;!-- it'
    """
    if value := _value_in(text):
        return _verbatim(value, "json")
    lines = _lines_of(text)
    if any(not is_code and _ODD_FENCE.match(line) for line, is_code in _told(lines)):
        return _verbatim("\n".join(lines), "text")
    told = _with_marks(_told(lines))
    levels = [_level_of(line) for line, is_code in told if not is_code]
    deeper = level - min(filter(None, levels), default=level)
    moved = [
        line if is_code else _moved(line, deeper)
        for is_code, block in groupby(told, key=itemgetter(1))
        for line in (_without_tags if not is_code else list)(line for line, _ in block)
    ]
    open_fence = list(_fences(lines))[-1]
    return "\n".join([*moved, open_fence] if open_fence else moved)


def lead_of(text: str) -> str:
    r"""Give the first words of a text that are prose, on one line; empty when there are none.

    >>> lead_of("# Found\n\n- one thing\n- another")
    'one thing'
    """
    if _value_in(text):
        shown = text if len(text) <= LEAD_CHARS_MAX else text[: LEAD_CHARS_MAX - 1] + "…"
        return f"It returned the value {code(shown, chars_max=LEAD_CHARS_MAX)}."
    words: list[str] = []
    for line, is_code in _with_marks(_told(_lines_of(text))):
        item = _ITEM.match(line)
        if words and (item or is_code or not _PROSE.fullmatch(line)):
            break
        content = line[item.end() :] if item else line
        if not is_code and _PROSE.fullmatch(content):
            words.append(content.strip())
    return plain(" ".join(words).replace("**", ""), chars_max=LEAD_CHARS_MAX)


def _value_in(text: str) -> str:
    """Write what a function agent returned for people; a text of its own is no value."""
    if not text.startswith(("{", "[")):
        return ""
    try:
        value: Json = json.loads(text)
        return _cleaned(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
    except (ValueError, RecursionError):
        return ""


def _verbatim(text: str, language: str) -> str:
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text + "``")))
    return f"{fence}{language}\n{text}\n{fence}"


def _cleaned(text: str) -> str:
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")


def _lines_of(text: str) -> list[str]:
    return _cleaned(text).split("\n")


def _fences(lines: Iterable[str]) -> Iterator[str]:
    """Give the fence that is open after each line, or nothing."""
    fence = ""
    for line in lines:
        found = (_CLOSING if fence else _OPENING).fullmatch(line)
        if not fence:
            fence = found["fence"] if found else ""
        elif found and found["fence"].startswith(fence):
            fence = ""
        yield fence


def _told(lines: Sequence[str]) -> list[tuple[str, bool]]:
    """Tell of each line whether it belongs to a fenced block, fences included."""
    after = list(_fences(lines))
    return [
        (line, bool(opened or left_open))
        for line, opened, left_open in zip(lines, ["", *after], after, strict=False)
    ]


def _with_marks(told: Iterable[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Write headings that are underlined with marks, and leave no other line to underline one."""
    marked: list[tuple[str, bool]] = []
    for line, is_code in told:
        underline = None if is_code else _UNDERLINE.fullmatch(line)
        if underline is None:
            marked.append((line, is_code))
        elif marked and not marked[-1][1] and _PROSE.fullmatch(marked[-1][0]):
            marks = "#" if underline["line"][0] == "=" else "##"
            marked[-1] = f"{marks} {marked[-1][0].strip()}", False
        else:
            marked.append((_no_underline(underline), False))
    return marked


def _no_underline(line: re.Match[str]) -> str:
    is_rule = line["line"].startswith("---")
    return line["before"] + ("***" if is_rule else "\\" + line["line"])


def _without_tags(lines: Iterable[str]) -> list[str]:
    """Escape what opens HTML, but inside of code where that can be told line by line."""
    block = list(lines)
    is_plain = not any("\\`" in line or "`" in _CODE.sub("", line) for line in block)
    tag = _TAG if is_plain else _ANY_TAG
    return [tag.sub(lambda found: "&lt;" if found[0] == "<" else found[0], line) for line in block]


def _level_of(line: str) -> int:
    found = _HEADING.fullmatch(line)
    return len(found["marks"]) if found else 0


def _moved(line: str, deeper: int) -> str:
    found = _HEADING.fullmatch(line)
    if found is None:
        return line
    marks = "#" * max(1, min(_DEEPEST, len(found["marks"]) + deeper))
    return f"{found['before']}{marks}{found['text']}"
