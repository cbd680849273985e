"""A section: what one agent's tools found, as parts, and as the Markdown that it hands on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from skep.agent.offline.sections.markup import code
from skep.agent.offline.sections.rules import Remark
from skep.agent.offline.sections.words import listed

HEADING: Final = "## "
WORTH_A_LOOK: Final = "Worth a look"
SIGNATURE: Final = "*Written by the offline model (fixed rules, no language model)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One paragraph with the figures, evidence with headings, and what is worth a look."""

    tools: tuple[str, ...]
    lead: str
    evidence: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def part(heading: str, *blocks: str) -> str:
    """Write a part of the evidence; empty blocks are left out."""
    return "\n\n".join([HEADING + heading, *filter(None, blocks)])


def joined(sections: Iterable[Section]) -> Section:
    """Make one section of several: the leads together, then all evidence, then all remarks."""
    every = list(sections)
    return Section(
        tools=tuple(tool for section in every for tool in section.tools),
        lead=" ".join(section.lead for section in every),
        evidence=tuple(block for section in every for block in section.evidence),
        remarks=tuple(remark for section in every for remark in section.remarks),
    )


def rendered(section: Section) -> str:
    """Write a section as Markdown, signed with what it was made from."""
    remarks = "\n".join(f"- {remark.text}" for remark in section.remarks)
    parts = [section.lead, *section.evidence, part(WORTH_A_LOOK, remarks) if remarks else ""]
    return "\n\n".join([*filter(None, parts), _signature(section.tools)])


def _signature(tools: tuple[str, ...]) -> str:
    if not tools:
        return f"{SIGNATURE}.*"
    named = listed([code(tool) for tool in tools])
    return f"{SIGNATURE} from the {'tool' if len(tools) == 1 else 'tools'} {named}.*"
