"""The environments of the rivals: one each, filled by pip from pinned requirements on first use."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
REPO: Final = HERE.parent
MARK: Final = "filled-from"
INSTALL_S: Final = 600


class NotInstalled(Exception):
    """A rival's environment could not be made; the message is pip's last word."""


def python_of(environment: str) -> Path:
    """The interpreter of an environment, which is made when it is not there.

    The empty name is the checkout's own. Raises `NotInstalled`.
    """
    if not environment:
        return Path(sys.executable)
    home = HERE / f".venv-{environment}"
    wanted = hashlib.sha256(requirements(environment).read_bytes()).hexdigest()
    mark = home / MARK
    if not mark.exists() or mark.read_text() != wanted:
        _fill(home, requirements(environment))
        mark.write_text(wanted)
    return home / "bin" / "python"


def requirements(environment: str) -> Path:
    """The file with the pinned packages of an environment."""
    return HERE / f"requirements-{environment}.txt"


def versions(environment: str) -> dict[str, str]:
    """The pinned version of each package of an environment."""
    pins = requirements(environment).read_text().split()
    return dict(pin.split("==", 1) for pin in pins)


def _fill(home: Path, wanted: Path) -> None:
    _run([sys.executable, "-m", "venv", "--clear", str(home)])
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--quiet", "-r", str(wanted)])


def _run(command: list[str]) -> None:
    try:
        ran = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=INSTALL_S
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"not installed after {INSTALL_S} s") from error
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalled((said or ran.stderr.splitlines() or ["no reason given"])[-1])
