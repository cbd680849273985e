"""What is written about the workspace: the README, the documents, their headings and dead links."""

import re
from collections.abc import Iterator
from heapq import nsmallest
from itertools import islice
from typing import Final, NamedTuple, TypedDict

from skep.agent.files import TextFile
from skep.agent.names import shown_line, shown_path
from skep.agent.tools.languages import language_of
from skep.agent.tools.markdown import headings_of, links_of, target_of, without_code
from skep.agent.tools.scope import LINE_CHARS_MAX, TOP, Scope, at_most, scope_of
from skep.agent.workspace import TEXT_BYTES_MAX, Workspace

HEADINGS_MAX: Final = 40
"""How many headings of one document are listed."""
BROKEN_MAX: Final = 200
"""How many broken links are listed."""

_PROSE: Final = frozenset({"Markdown", "reStructuredText", "AsciiDoc"})
_README: Final = re.compile(r"(?i)(?:^|/)readme(?:\.[a-z]{2,8})?$")
_COMMUNITY: Final = re.compile(
    r"(?i)(?:\.github/|docs/)?(?:readme|licen[cs]e|copying|changelog|changes|history|news"
    r"|contributing|security|code_of_conduct|authors|maintainers|codeowners|agents|claude)"
    r"(?:\.[a-z]{2,8})?"
)


class Heading(TypedDict):
    """A heading of a document."""

    line: int
    level: int
    text: str


class Document(TypedDict):
    """A document; headings are of Markdown only."""

    path: str
    lines: int
    headings: list[Heading]


class BrokenLink(TypedDict):
    """A relative link to a file that is not in the workspace."""

    path: str
    line: int
    target: str


class Documentation(TypedDict):
    """What is written about the workspace."""

    scope: Scope
    readme: Document | None
    community_files: list[str]
    documents: int
    document_lines: int
    largest_documents: list[Document]
    links_checked: int
    broken_links: list[BrokenLink]
    broken_links_omitted: int


def documentation(workspace: Workspace, *, top: int = TOP) -> Documentation:
    """List the README and the documents with their headings, and the relative links that are dead.

    Documents are Markdown, reStructuredText and AsciiDoc; headings and links are read in Markdown
    only, outside of code. A link is dead when its file or folder is not in the workspace; anchors
    and links to other hosts are not checked.

    Args:
        workspace: What to read.
        top: How many of the largest documents to describe.
    """
    listing = workspace.listing()
    written = [_written(file) for file in workspace.texts(listing) if _is_prose(file)]
    links = [link for document in written for link in document.links]
    broken = [link for link in links if not workspace.has(link.target)]
    readmes = (document for document in written if _README.search(document.path))
    readme = min(
        readmes, key=lambda document: (document.path.count("/"), document.path), default=None
    )
    largest = nsmallest(
        at_most(top), written, key=lambda document: (-document.lines, document.path)
    )
    return Documentation(
        scope=scope_of(listing, bytes_max=TEXT_BYTES_MAX),
        readme=_described(readme) if readme else None,
        community_files=[
            shown_path(file.path) for file in listing.files if _COMMUNITY.fullmatch(file.path)
        ],
        documents=len(written),
        document_lines=sum(document.lines for document in written),
        largest_documents=[_described(document) for document in largest],
        links_checked=len(links),
        broken_links=[_shown(link) for link in broken[:BROKEN_MAX]],
        broken_links_omitted=max(0, len(broken) - BROKEN_MAX),
    )


class _Link(NamedTuple):
    path: str
    line: int
    target: str


class _Document(NamedTuple):
    path: str
    lines: int
    headings: list[Heading]
    links: list[_Link]


def _is_prose(file: TextFile) -> bool:
    return language_of(file.path).name in _PROSE


def _written(file: TextFile) -> _Document:
    if language_of(file.path).name != "Markdown":
        return _Document(file.path, file.lines, [], [])
    prose = without_code(file.content)
    headings = [
        Heading(line=line, level=level, text=shown_line(text, chars_max=LINE_CHARS_MAX))
        for line, level, text in islice(headings_of(prose), HEADINGS_MAX)
    ]
    return _Document(file.path, file.lines, headings, list(_relative_links(file.path, prose)))


def _relative_links(path: str, prose: list[bytes]) -> Iterator[_Link]:
    folder = path.rpartition("/")[0]
    for line, link in links_of(prose):
        if target := target_of(link, folder=folder):
            yield _Link(path, line, target)


def _described(document: _Document) -> Document:
    return Document(
        path=shown_path(document.path), lines=document.lines, headings=document.headings
    )


def _shown(link: _Link) -> BrokenLink:
    target = shown_path(link.target)[:LINE_CHARS_MAX]
    return BrokenLink(path=shown_path(link.path), line=link.line, target=target)
