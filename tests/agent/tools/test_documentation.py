"""What is written, and which links are dead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skep.agent.tools.documentation import documentation
from skep.agent.workspace import Workspace

Write = Callable[..., Path]


def test_the_readme_and_its_headings_are_told(write: Write, workspace: Workspace) -> None:
    """The topmost README is described; code is not taken for headings."""
    write("docs/README.md", "# Other\n")
    write("README.md", "# Title\n\n```sh\n# no heading\n```\n\n## Use\n")
    write("LICENSE")

    found = documentation(workspace)

    assert found["readme"] == {
        "path": "README.md",
        "lines": 7,
        "headings": [
            {"line": 1, "level": 1, "text": "Title"},
            {"line": 7, "level": 2, "text": "Use"},
        ],
    }
    assert found["documents"] == 2
    assert found["community_files"] == ["LICENSE", "README.md", "docs/README.md"]


def test_dead_links_are_named_with_their_lines(write: Write, workspace: Workspace) -> None:
    """A relative link whose file is not there is broken, wherever the document stands."""
    write("src/a b.py")
    write(
        "docs/guide.md", "[ok](../src/a%20b.py#L1) [ok](/src)\n[dead](gone.md)\n\n[r]: also/gone\n"
    )

    found = documentation(workspace)

    assert found["broken_links"] == [
        {"path": "docs/guide.md", "line": 2, "target": "docs/gone.md"},
        {"path": "docs/guide.md", "line": 4, "target": "docs/also/gone"},
    ]
    assert found["links_checked"] == 4


@pytest.mark.parametrize(
    "text",
    [
        "[x](https://example.org/gone)",
        "[x](#anchor)",
        "[x](mailto:a@example.org)",
        "`[x](gone.md)`",
        "```\n[x](gone.md)\n```",
        "[x](../../outside.md)",
        "[x]({{ url }})",
    ],
)
def test_links_that_lead_elsewhere_are_not_judged(
    text: str, write: Write, workspace: Workspace
) -> None:
    """Other hosts, anchors, code, templates and places outside are nothing to call dead."""
    write("README.md", text)

    assert documentation(workspace)["broken_links"] == []


def test_a_folder_without_documents_has_no_readme(write: Write, workspace: Workspace) -> None:
    """The absence of a README is told as such."""
    write("a.py")

    assert documentation(workspace)["readme"] is None
