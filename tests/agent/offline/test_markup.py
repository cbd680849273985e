"""Words from outside that must not become markup."""

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from skep.agent.offline.foreign import tamed
from skep.agent.offline.sections.markup import NAME_CHARS_MAX, code, plain, printable, table

MARKS = "`|\\#*_[]<>!&~-=+:.1 \n\r\t\u202e\x1b\u2028é中a"
HOSTILE = st.text(st.sampled_from(MARKS), max_size=40)
BLOCKS = (
    "\n\n",
    "# a",
    "\n===\n",
    "\n---\n",
    "```",
    "~~~",
    "\n```\n",
    "\n~~~\n",
    "    ",
    "| a |\n",
)
INLINES = ("<!--", "<b>", "<p\n", "</p>", "- ", "> ", "1. ", "`<i>`", "\\`", "[a]: /b", "| --- |\n")
PIECES = st.sampled_from([*MARKS, *BLOCKS, *INLINES])


def parsed(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(markdown)


def inlines(markdown: str) -> list[Token]:
    return [child for token in parsed(markdown) for child in token.children or []]


@given(HOSTILE.filter(bool))
def test_a_name_fills_its_cell_and_no_other(name: str) -> None:
    """Whatever a file is called, a table of it has one row of two cells, the name in the first."""
    drawn = table(("File", "Lines"), [(code(name), 1)])

    cells = [token for token in parsed(drawn) if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] == ["File", "Lines"]
    assert len(cells) == 4
    (shown,) = cells[2].children or []
    assert shown.type == "code_inline"
    assert shown.content.strip() == printable(name).strip()


@given(HOSTILE)
def test_a_name_is_one_printable_line(name: str) -> None:
    """No line end, escape sequence or character that turns the text around comes through."""
    assert code(name).isprintable()
    assert plain(name).isprintable()


@given(HOSTILE)
def test_a_title_has_no_markup(text: str) -> None:
    """A text from outside reads in a heading as it was written, and is nothing but text."""
    tokens = parsed(f"# a {plain(text)} z")

    assert [token.type for token in tokens] == ["heading_open", "inline", "heading_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    expected = " ".join(f"a {printable(' '.join(text.split()))} z".split())
    assert " ".join("".join(child.content for child in children).split()) == expected


def test_a_very_long_name_keeps_its_end() -> None:
    """The end tells files apart, so the beginning is what goes."""
    shown = code("folder/" * 100 + "end.py")

    assert shown.endswith("/end.py`")
    assert shown.startswith("`…")
    assert len(shown) == NAME_CHARS_MAX + 2


@given(st.lists(PIECES, max_size=25).map("".join))
def test_a_foreign_report_stays_inside_its_section(text: str) -> None:
    """No heading of a foreign text is higher than its place, no HTML and no fence leaks."""
    tokens = parsed(f"## Before\n\n{tamed(text, level=3)}\n\n## After\n")

    headings = [(token.tag, token.level) for token in tokens if token.type == "heading_open"]
    assert headings[0] == headings[-1] == ("h2", 0)
    assert all(tag > "h2" for tag, _ in headings[1:-1])
    types = {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or []
    }
    assert types & {"html_block", "html_inline"} == set()


def test_a_fence_left_open_is_closed() -> None:
    """What follows an unfinished block of code is not swallowed by it."""
    assert tamed("~~~~\nx", level=3) == "~~~~\nx\n~~~~"


def test_code_is_left_as_it_is() -> None:
    """Neither comments in a block of code nor tags in a span are touched."""
    text = "# Use\n\n```sh\n# run <it>\n```\n\nSay `<b>`."

    assert tamed(text, level=3) == text.replace("# Use", "### Use")


def test_fences_inside_lists_are_shown_verbatim() -> None:
    """A text that is not understood line by line is shown as it was written."""
    assert tamed("- a\n  ```\n  b", level=3) == "````text\n- a\n  ```\n  b\n````"
