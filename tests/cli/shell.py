"""A shell for black-box tests: `skep` as a real process in a real folder, model offline."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILES = {
    "README.md": "# Till\n\nAdds up a bill. See [the menu](src/menu.py).\n",
    "src/till.py": "def total(prices):\n    return sum(prices)\n",
    "src/menu.py": "# TODO: more drinks\nPRICES = {'tea': 3, 'coffee': 4}\n",
    "tests/test_till.py": "def test_total():\n    assert sum([3, 4]) == 7\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any document
        """Its stdout as one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Runs `skep` in a folder, in an environment without keys and settings."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def skep(self, *arguments: str, stdin: str = "", **variables: str) -> Result:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "skep", *arguments],
            cwd=self.folder,
            env={**self.variables(), **variables},
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=50,
        )
        return Result(
            code=done.returncode,
            out=done.stdout.decode("utf-8", "replace"),
            err=done.stderr.decode("utf-8", "replace"),
        )

    def begin(self, *arguments: str) -> "Begun":
        """Start a command whose lines are read as they come."""
        return Begun(
            subprocess.Popen(
                [sys.executable, "-m", "skep", *arguments],
                cwd=self.folder,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    def variables(self) -> dict[str, str]:
        """Make the environment of its commands."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}  # noqa: TID251 - what a process needs
        return {**kept, "LC_ALL": "C.UTF-8", **self.environment}


class Begun:
    """A command under way."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, word: str) -> str:
        """Read lines until one holds a word; gives that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if word in line:
                return line
        raise AssertionError(f"{word!r} did not come: {''.join(self.lines)}")

    def send(self, which: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(which)

    def end(self) -> tuple[int, str]:
        """Wait for its end; gives the exit code and all that it printed."""
        rest, _ = self.process.communicate(timeout=50)
        return self.process.returncode, "".join(self.lines) + rest


def files_into(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """Put files into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
