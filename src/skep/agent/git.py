"""Git, asked only to read, and never allowed to run what a repository's settings name.

A repository is untrusted input: its configuration can name programs (fsmonitor, hooks, pagers,
external diffs, signature checkers, transports of a promisor remote) that an ordinary `git log`
starts. Each is switched off here, once, for every call; system and user configuration are not
read, so the figures are the same on every machine.
"""

import shutil
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, Final

from skep.records.errors import WorkspaceError

SECONDS_MAX: Final = 60.0
"""How long one call of git may take before it is killed."""

_CHUNK_BYTES: Final = 1 << 16
_SETTINGS: Final = {
    "safe.directory": "*",  # another owner's tree is safe to read when nothing of it is run
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.quotePath": "false",
    "diff.external": "",
    "diff.orderFile": "/dev/null",
    "i18n.logOutputEncoding": "UTF-8",
    "log.diffMerges": "off",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
}
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": "/dev/null",  # `~` in a repository's settings leads nowhere, which is no error
    "LC_ALL": "C",
    "PATH": "/usr/bin:/bin",
}


class GitFailed(WorkspaceError):
    """Git could not answer."""

    code: ClassVar[str] = "git_failed"


@dataclass(frozen=True, slots=True)
class Repository:
    """The git work tree that a folder is, or lies in."""

    folder: Path
    is_whole: bool
    """The folder is the top of the work tree, not a part of it."""

    def records(self, *arguments: str, separator: bytes = b"\0") -> Iterator[bytes]:
        """Yield what git prints, one record at a time, never all of it in memory.

        Raises `GitFailed` after the last record when git failed or took over `SECONDS_MAX`.
        """
        with _running(self.folder, arguments) as (process, output):
            yield from _split(output, separator)
            status = process.wait()
        if status != 0:
            how = f"ended with status {status}" if status > 0 else "did not answer in time"
            raise GitFailed(f"git {arguments[0]} {how}.")

    def lines(self, *arguments: str) -> list[str]:
        """Give the few lines that git prints; none when git fails."""
        try:
            found = list(self.records(*arguments, separator=b"\n"))
        except GitFailed:
            return []
        return [line.decode("utf-8", "replace") for line in found]


def repository_at(folder: Path) -> Repository | None:
    """Find the work tree that `folder` belongs to; none without git, or when git ignores it.

    A virtual environment inside a project lies in its work tree, but git would list nothing of
    it: a folder that git ignores is taken for the plain folder that it is.
    """
    if shutil.which("git") is None:
        return None
    part = Repository(folder, is_whole=False)
    match part.lines("rev-parse", "--is-inside-work-tree", "--show-prefix"):
        case ["true", ""]:
            return Repository(folder, is_whole=True)
        case ["true", *_] if not part.lines("check-ignore", "."):
            return part
        case _:
            return None


@contextmanager
def _running(
    folder: Path, arguments: tuple[str, ...]
) -> Generator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    command = [shutil.which("git") or "git", "--no-pager", *settings]
    with _started([*command, *arguments], folder) as process:
        watchdog = threading.Timer(SECONDS_MAX, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None, "a pipe was asked for"
            yield process, process.stdout
        finally:
            watchdog.cancel()
            process.kill()  # nobody reads on; a git that has ended takes no harm


def _started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            process_group=0,  # Ctrl-C is for us; a git it killed would look like a finding
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:  # no git, or a folder that may be listed and not entered
        raise GitFailed(f"git cannot be run: {error.strerror}.") from error


def _split(output: IO[bytes], separator: bytes) -> Iterator[bytes]:
    rest = b""
    while chunk := output.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(separator)
        yield from whole
    if rest:
        yield rest
