"""Every example runs offline and prints what stands beside it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
LINES_MAX: Final = 60

scripts = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.slow
@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("script", scripts, ids=lambda path: path.stem)
def test_an_example_prints_what_stands_beside_it(script: Path) -> None:
    """Its output is the text of its `.out` file, to the letter."""
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == script.with_suffix(".out").read_text()


@pytest.mark.parametrize("script", scripts, ids=lambda path: path.stem)
def test_an_example_fits_on_a_page(script: Path) -> None:
    """It is numbered for the reader, and short."""
    assert re.match(r"\d\d_[a-z_]+$", script.stem)
    assert len(script.read_text().splitlines()) <= LINES_MAX


def test_no_output_lost_its_example() -> None:
    """Every `.out` file belongs to a script."""
    outputs = {path.stem for path in EXAMPLES.glob("*.out")}

    assert outputs == {path.stem for path in scripts}
