"""How names of files are shown."""

from hypothesis import given
from hypothesis import strategies as st

from skep.agent.names import path_from_shown, shown_line, shown_path, shown_text

paths = st.binary(min_size=1, max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(paths)
def test_a_shown_path_leads_back_to_its_file(path: str) -> None:
    """Whatever bytes a name is made of, its shown form names that file and no other."""
    assert path_from_shown(shown_path(path)) == path


@given(st.text(max_size=40))
def test_what_a_model_asks_for_never_breaks_the_unescaping(shown: str) -> None:
    """Any text can be asked for as a path, with broken escapes too."""
    assert isinstance(path_from_shown(shown), str)


@given(paths)
def test_a_shown_path_is_one_printable_line(path: str) -> None:
    """A name forges no second line, no colour and no direction of writing."""
    assert shown_path(path).isprintable()


@given(st.binary(max_size=300))
def test_a_shown_line_is_printable_and_short(line: bytes) -> None:
    """A quoted line is cut to its limit and holds nothing that is not printable."""
    shown = shown_line(line, chars_max=20)

    assert shown.isprintable()
    assert len(shown) <= 20


@given(st.binary(max_size=100))
def test_a_shown_text_can_be_stored(content: bytes) -> None:
    """A text for a model holds no NUL and no half of a character pair."""
    shown = shown_text(content)

    assert "\0" not in shown
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_plain_names_stay_as_they_are() -> None:
    """A name of letters of any alphabet is shown unchanged."""
    assert shown_path("docs/café-été.md") == "docs/café-été.md"


def test_raw_bytes_and_characters_do_not_mix() -> None:
    """The byte 0xa0 that is no UTF-8 and the character U+00A0 are shown apart."""
    assert shown_path("\udca0") != shown_path("\xa0")
