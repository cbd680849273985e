"""The documentation in words: the README, the documents, and the links that lead nowhere."""

import re
from collections.abc import Iterator
from typing import Final

from skep.agent.offline.sections.markup import and_more, code, place, plain, table
from skep.agent.offline.sections.rules import Remark, Rule
from skep.agent.offline.sections.scope import not_read
from skep.agent.offline.sections.section import Section, part
from skep.agent.offline.sections.words import counted, figure, some
from skep.agent.tools.documentation import HEADINGS_MAX, Document, Documentation

_LICENCE: Final = re.compile(r"(?i)(?:.*/)?(?:licen[cs]e|copying)(?:\.[^/]*)?")
_README: Final = re.compile(r"(?i)(?:.*/)?readme(?:\.[^/]*)?")
_ROWS_MAX: Final = 20
_EXAMPLES_MAX: Final = 5


def documentation(found: Documentation) -> Section:
    """Write what is written about the workspace."""
    return Section(
        tools=("documentation",),
        lead=_lead(found),
        evidence=tuple(_evidence(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: Documentation) -> str:
    if not found["documents"]:
        return "No document (Markdown, reStructuredText or AsciiDoc) was found."
    documents = counted(found["documents"], "document")
    return (
        f"{documents} of {counted(found['document_lines'], 'line')} together;"
        f" {_readme(found)}. {_links(found)}"
    )


def _readme(found: Documentation) -> str:
    readme = found["readme"]
    if readme is None:
        return f"the README is {code(_bare(found)[0])}" if _bare(found) else "none is a README"
    return f"{code(readme['path'])} has {counted(readme['lines'], 'line')}{_under(readme)}"


def _bare(found: Documentation) -> list[str]:
    """Name the READMEs that are plain text."""
    return [path for path in found["community_files"] if _README.fullmatch(path)]


def _under(document: Document) -> str:
    number = len(document["headings"])
    return f" under {counted(number, 'heading')}" if 0 < number < HEADINGS_MAX else ""


def _links(found: Documentation) -> str:
    if not found["links_checked"]:
        return "They have no relative links to check."
    links = counted(found["links_checked"], "relative link")
    if not _dead(found):
        return f"None of {links} is dead."
    first = found["broken_links"][0]
    return (
        f"Of {links}, {figure(_dead(found))} {'is' if _dead(found) == 1 else 'are'} dead, the first"
        f" in {place(first['path'], first['line'])}."
    )


def _dead(found: Documentation) -> int:
    return len(found["broken_links"]) + found["broken_links_omitted"]


def _evidence(found: Documentation) -> Iterator[str]:
    if found["documents"]:
        documents = [
            (code(document["path"]), document["lines"], _outline(document))
            for document in found["largest_documents"]
        ]
        drawn = table(("Document", "Lines", "First headings"), documents)
        yield part("Largest documents", drawn, not_read(found["scope"]))
    if found["community_files"]:
        named = [code(path) for path in found["community_files"]]
        yield part("Files for people who join", some(named, total=len(named), most=15) + ".")
    if found["broken_links"]:
        rows = [
            (place(link["path"], link["line"]), code(link["target"]))
            for link in found["broken_links"][:_ROWS_MAX]
        ]
        drawn = table(("Place", "Target that is not there"), rows)
        yield part("Dead links", drawn + and_more(_dead(found) - len(rows)))


def _outline(document: Document) -> str:
    texts = [plain(heading["text"], chars_max=60) for heading in document["headings"]]
    return " · ".join(texts[:3]) + (" · …" if len(texts) > 3 else "")  # noqa: PLR2004


def _remarks(found: Documentation) -> Iterator[Remark]:
    if not found["scope"]["files"]:
        return
    files = counted(found["scope"]["files"], "file")
    if found["readme"] is None and not _bare(found):
        yield Remark(Rule.NO_README, f"Not one among {files}.")
    if number := _dead(found):
        named = [
            f"{place(link['path'], link['line'])} to {code(link['target'])}"
            for link in found["broken_links"]
        ]
        yield Remark(Rule.DEAD_LINKS, f"{some(named, total=number, most=_EXAMPLES_MAX)}.")
    if not any(map(_LICENCE.fullmatch, found["community_files"])):
        yield Remark(Rule.NO_LICENCE, f"Not one among {files}.")
