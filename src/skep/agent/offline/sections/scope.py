"""What of the workspace a tool did not read, in words."""

from collections.abc import Mapping, Sequence
from typing import Final

from skep.agent.files import Reason, SkippedFiles
from skep.agent.offline.sections.markup import code, plain
from skep.agent.offline.sections.words import counted, listed, size, some
from skep.agent.tools.scope import Scope

_NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    Reason.BINARY: ("binary file", "binary files"),
    Reason.TOO_LARGE: ("file over {}", "files over {}"),
    Reason.UNREADABLE: ("unreadable name", "unreadable names"),
    Reason.SYMLINK: ("symbolic link", "symbolic links"),
    Reason.SPECIAL: ("pipe, socket or device", "pipes, sockets or devices"),
    Reason.SUBMODULE: ("submodule", "submodules"),
    Reason.MISSING: ("missing file", "missing files"),
    Reason.OUTSIDE: ("name outside the workspace", "names outside the workspace"),
    Reason.TOO_DEEP: ("folder nested too deep", "folders nested too deep"),
    Reason.OVER_LIMIT: ("file beyond the limit", "files beyond the limit"),
}


def not_read(scope: Scope, *, examples_max: int = 0) -> str:
    """State what was skipped; empty when nothing was."""
    skipped = [_skipped(one, scope, examples_max) for one in scope["skipped"]]
    return f"Not read: {listed(skipped)}." if skipped else ""


def searched(scope: Scope) -> str:
    """Say how many files were searched, and whether some of them could not be."""
    files = counted(scope["files"], "file")
    return f"{files}, as far as they were read" if scope["skipped"] else files


def lost(scope: Scope, reasons: Sequence[Reason]) -> list[str]:
    """Name what was skipped for these reasons, with examples."""
    return [
        _skipped(one, scope, len(one["examples"]))
        for one in scope["skipped"]
        if one["reason"] in reasons
    ]


def _skipped(skipped: SkippedFiles, scope: Scope, examples_max: int) -> str:
    reason = plain(skipped["reason"].replace("_", " "))
    one, many = _NOUNS.get(skipped["reason"], (reason, reason))
    limit = size(scope["file_bytes_max"])
    number = counted(skipped["files"], one.format(limit), many=many.format(limit))
    if not examples_max:
        return number
    named = [code(example) for example in skipped["examples"]]
    return f"{number} ({some(named, total=skipped['files'], most=examples_max)})"
