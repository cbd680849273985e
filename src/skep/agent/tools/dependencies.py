"""What the workspace depends on: manifests, declared dependencies, loose ends and lock files."""

import re
from enum import StrEnum
from typing import Final, TypedDict

from skep.agent.files import FileRefused
from skep.agent.names import shown_line, shown_path
from skep.agent.tools.declared import Declared, Unreadable, declared_in
from skep.agent.tools.manifests import Manifest, is_vendored, lock_of, manifest_of
from skep.agent.tools.scope import LINE_CHARS_MAX, Scope, at_most, scope_of
from skep.agent.workspace import TEXT_BYTES_MAX, Workspace

DEPENDENCIES_MAX: Final = 300
"""How many dependencies are listed, unless another number is asked for."""


class Pin(StrEnum):
    """How far a constraint leaves open which version is installed."""

    EXACT = "exact"
    RANGE = "range"
    NONE = "none"
    REFERENCE = "reference"  # a path, an address, a workspace, or what a parent declares


class ManifestFound(TypedDict):
    """A manifest; `problem` says why its dependencies are not listed, and is empty otherwise."""

    path: str
    ecosystem: str
    dependencies: int
    has_lock: bool
    problem: str


class DependencyFound(TypedDict):
    """A declared dependency; `pin` is exact, range, none or reference."""

    name: str
    constraint: str
    pin: str
    group: str
    ecosystem: str
    manifest: str


class LockFile(TypedDict):
    """A lock file."""

    path: str
    ecosystem: str


class Dependencies(TypedDict):
    """What the workspace declares to depend on."""

    scope: Scope
    manifests: list[ManifestFound]
    vendored_manifests: int
    total: int
    by_pin: dict[str, int]
    unpinned: list[DependencyFound]
    dependencies: list[DependencyFound]
    dependencies_omitted: int
    lock_files: list[LockFile]


def dependencies(workspace: Workspace, *, limit: int = DEPENDENCIES_MAX) -> Dependencies:
    """List manifests, declared dependencies, those without any constraint, and lock files.

    Manifests are read, never executed: setup.py, Gradle files and the like are named with the
    problem that they are programs. Those in node_modules, site-packages and vendor folders are
    counted only. `has_lock` is true when a lock file of the ecosystem lies in the manifest's
    folder or above it. Nothing is looked up: neither newer versions nor known flaws.

    Args:
        workspace: What to read.
        limit: How many dependencies to list; the others are counted only.
    """
    limit = at_most(limit)
    listing = workspace.listing()
    paths = [file.path for file in listing.files]
    locks = {path: ecosystem for path in paths if (ecosystem := lock_of(path))}
    own = [path for path in paths if manifest_of(path) and not is_vendored(path)]
    manifests: list[ManifestFound] = []
    found: list[DependencyFound] = []
    for path in own:
        manifest, declared = _read(workspace, path, locks)
        manifests.append(manifest)
        found.extend(declared)
    return Dependencies(
        scope=scope_of(listing, bytes_max=TEXT_BYTES_MAX),
        manifests=manifests,
        vendored_manifests=sum(1 for path in paths if manifest_of(path)) - len(own),
        total=len(found),
        by_pin={pin.value: sum(1 for one in found if one["pin"] == pin) for pin in Pin},
        unpinned=[one for one in found if one["pin"] == Pin.NONE][:limit],
        dependencies=found[:limit],
        dependencies_omitted=max(0, len(found) - limit),
        lock_files=[
            LockFile(path=shown_path(path), ecosystem=ecosystem)
            for path, ecosystem in locks.items()
            if not is_vendored(path)
        ],
    )


def _read(
    workspace: Workspace, path: str, locks: dict[str, str]
) -> tuple[ManifestFound, list[DependencyFound]]:
    known = manifest_of(path)
    assert known is not None, "only manifests are read"
    manifest, ecosystem = known
    problem = "is a program or a format that is not read" if manifest is Manifest.UNREAD else ""
    declared: list[Declared] = []
    try:
        declared = declared_in(workspace.read(path), manifest)
    except (FileRefused, Unreadable) as error:
        problem = f"cannot be read: {error}"
    found = ManifestFound(
        path=shown_path(path),
        ecosystem=ecosystem,
        dependencies=len(declared),
        has_lock=_has_lock(path, ecosystem, locks),
        problem=problem,
    )
    return found, [_dependency(one, path, ecosystem) for one in declared]


def _has_lock(path: str, ecosystem: str, locks: dict[str, str]) -> bool:
    folder = f"{path.rpartition('/')[0]}/"
    above = (f"{lock.rpartition('/')[0]}/" for lock, kind in locks.items() if kind == ecosystem)
    return any(place == "/" or folder.startswith(place) for place in above)


def _dependency(declared: Declared, path: str, ecosystem: str) -> DependencyFound:
    constraint = _CREDENTIALS.sub("//****@", declared.constraint)
    return DependencyFound(
        name=_plain(declared.name),
        constraint=_plain(constraint),
        pin=_pin_of(declared.constraint, ecosystem),
        group=_plain(declared.group),
        ecosystem=ecosystem,
        manifest=shown_path(path),
    )


def _plain(text: str) -> str:
    return shown_line(text.encode("utf-8", "replace"), chars_max=LINE_CHARS_MAX)


_CREDENTIALS: Final = re.compile(r"//[^/@\s]{1,300}@")
_OPEN: Final = frozenset({"", "*", "latest", "x", "any"})
_REFERENCE: Final = re.compile(r"@|[A-Za-z+]{2,20}:|\$\{|[./]")
_EXACT: Final = {
    "Python": re.compile(r"={2,3}[^*,]+"),
    "JavaScript": re.compile(r"[=v]?\d+\.\d+\.\d+[\w.+-]*"),
    "Rust": re.compile(r"=[^*,]+"),
    "Go": re.compile(r"v.+"),
    "Ruby": re.compile(r"=?\s*\d[\w.]*"),
    "JVM": re.compile(r"\d[\w.+-]*"),
    "PHP": re.compile(r"[=v]?\d+(?:\.\d+){2,3}"),
}


def _pin_of(constraint: str, ecosystem: str) -> Pin:
    if constraint in _OPEN:
        # Maven takes what it does not find here from the parent's own declarations.
        return Pin.REFERENCE if ecosystem == "JVM" else Pin.NONE
    if _REFERENCE.match(constraint):
        return Pin.REFERENCE
    return Pin.EXACT if _EXACT[ecosystem].fullmatch(constraint) else Pin.RANGE
