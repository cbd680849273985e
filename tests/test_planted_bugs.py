"""The bugs of `make check-deep` still fit the code that they are planted in."""

import runpy
from pathlib import Path
from typing import Any, Final

import pytest

REPO: Final = Path(__file__).parents[1]
SCRIPT: Final[dict[str, Any]] = runpy.run_path(str(REPO / "scripts" / "plant_bugs.py"))


@pytest.mark.parametrize("bug", SCRIPT["BUGS"], ids=lambda bug: bug.name)
def test_a_bug_finds_the_text_that_it_changes(bug: Any) -> None:  # noqa: ANN401 - of a script
    """A change of the code that a bug no longer fits is met here, not in the deep run."""
    assert SCRIPT["fits"](bug, (REPO / "src" / "skep" / bug.file).read_text())


def test_each_bug_has_a_name_of_its_own() -> None:
    """A bug is planted by its name, which stands for one."""
    names = [bug.name for bug in SCRIPT["BUGS"]]

    assert len(set(names)) == len(names)
