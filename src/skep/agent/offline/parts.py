"""A report taken apart: its lead, what it holds worth a look, and its evidence."""

import json
import re
from dataclasses import dataclass
from typing import Final

from skep.agent.offline.foreign import lead_of, tamed
from skep.agent.offline.sections.section import HEADING, SIGNATURE, WORTH_A_LOOK
from skep.agent.offline.sections.words import counted

EVIDENCE_LEVEL: Final = 3
"""Where the headings of a report's evidence begin inside the synthesis."""
EVIDENCE_CHARS_MAX: Final = 16_000
LINE_CHARS_MAX: Final = 5_000
"""The longest lead or remark that the offline model writes, with room to spare."""

_SIGNED: Final = re.compile(re.escape(SIGNATURE) + r"(?: from the (?P<tools>tools? [^\n]+?))?\.\*")
_REMARKS: Final = f"\n\n{HEADING}{WORTH_A_LOOK}\n\n- "


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a report says.

    `tools` names what one of our own was made from and `findings` is it without its remarks;
    both are empty when the offline model did not write it.
    """

    lead: str
    remarks: tuple[str, ...] = ()
    evidence: str = ""
    tools: str = ""
    findings: str = ""


def taken_apart(text: str) -> Parts:
    """Take a report apart: one of our own by its form, any other by its first prose."""
    text = _unquoted(text)
    return _ours(text) or Parts(lead=lead_of(text), evidence=_shortened(text))


def _ours(text: str) -> Parts | None:
    body, _, signature = text.rstrip().rpartition("\n\n")
    signed = _SIGNED.fullmatch(signature)
    findings, _, listed = body.partition(_REMARKS)
    lead, _, evidence = findings.partition("\n\n")
    remarks = tuple(listed.split("\n- ")) if listed else ()
    is_in_form = all(len(line) <= LINE_CHARS_MAX and "\n" not in line for line in (lead, *remarks))
    if signed is None or not lead or not is_in_form:
        return None
    return Parts(
        lead=lead,
        remarks=remarks,
        evidence=_shortened(evidence),
        tools=signed["tools"] or "",
        findings=findings,
    )


def _shortened(text: str) -> str:
    """Fit evidence into the synthesis, cut at the end of a line when there is too much of it."""
    if len(text) <= EVIDENCE_CHARS_MAX:
        return tamed(text, level=EVIDENCE_LEVEL)
    kept = text[:EVIDENCE_CHARS_MAX].rpartition("\n")[0] or text[:EVIDENCE_CHARS_MAX]
    left = counted(
        len(text) - len(kept), "further character stands", many="further characters stand"
    )
    return f"{tamed(kept, level=EVIDENCE_LEVEL)}\n\n… {left} in the task's own result."


def _unquoted(text: str) -> str:
    """Read a text that a function agent returned, which is handed over as a JSON string."""
    if not text.startswith('"'):
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text
