"""What the doctor looks at on this host, and in a store of either kind.

Each check gives one finding. A check takes what it judges as an argument wherever it can, so that
a test hands it a full disk or another hour.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from skep import __version__
from skep.agent.catalog import read_catalog
from skep.cli.ids import short
from skep.policy.admission import closed_until
from skep.policy.endings import is_stalled
from skep.ports.inspection import Underway
from skep.records.errors import AgentFileInvalid
from skep.settings import Settings

GIT_ANSWER_S: Final = 10.0
"""How long the doctor waits for git to tell its version."""

LEASE_PAST_S: Final = 60.0
"""A lease that ran out so long ago was swept by nobody."""

ACTIVE_SWARMS_MAX: Final = 100
"""How many active swarms the doctor looks at, the newest first."""

NAMED_MAX: Final = 3
"""How many swarms or tasks the doctor names in one line."""


class Level(StrEnum):
    """How well something is: only FAIL keeps Skep from working as promised."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, what was found, and how to mend it where something is wrong."""

    level: Level
    what: str
    found: str
    mend: str = ""


def ok(what: str, found: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(level=Level.OK, what=what, found=found)


def warn(what: str, found: str, mend: str) -> Finding:
    """Say that something may hurt, or could not be looked at."""
    return Finding(level=Level.WARN, what=what, found=found, mend=mend)


def fail(what: str, found: str, mend: str) -> Finding:
    """Say that something keeps Skep from working."""
    return Finding(level=Level.FAIL, what=what, found=found, mend=mend)


def versions() -> Finding:
    """Tell which Skep this is, and on what it runs."""
    system = f"{platform.system()} {platform.machine()}"
    return ok("versions", f"Skep {__version__}, Python {platform.python_version()}, {system}")


def state_folder(folder: Path) -> Finding:
    """Look whether reports and the project's own store can be written."""
    here = nearest(folder)
    if here.is_dir() and is_writable(here):
        note = "writable" if here == folder else "not there yet; it will be made"
        return ok("state folder", f"{folder}: {note}")
    reason = "is not writable for this user" if here.is_dir() else "is no folder"
    reason += ", so no report and no store can be written"
    mend = f"Give it to this user: chown $USER {here} && chmod u+rwx {here}; or work elsewhere."
    if not here.is_dir():
        mend = f"Move the file {here} away, or work in another folder."
    return fail("state folder", f"{here} {reason}", mend)


def agent_files(project: Path) -> Finding:
    """Read the project's own agents."""
    try:
        catalog = read_catalog(project)
    except AgentFileInvalid as error:
        mend = f"Write it as docs/howto/own-role.md shows, or: mv {error.path} {error.path}.off"
        return fail("agent files", f"{error.message} Nothing is worked on here until then.", mend)
    own = sum(role.source != "built in" for role in catalog.roles.values())
    if catalog.warnings:
        mend = "Take the field out of the file, or write it as `skep agents show` does."
        return warn("agent files", "; ".join(catalog.warnings), mend)
    return ok("agent files", f"{len(catalog.roles)} agents, {own} of them the project's own")


def git() -> Finding:
    """Look for git, which the offline analysts ask for a repository's history."""
    if shutil.which("git") is None:
        mend = "Install git; without it nothing is said of a repository's history."
        return warn("git", "not found", mend)
    told = subprocess.run(
        ["git", "--version"], capture_output=True, text=True, check=True, timeout=GIT_ANSWER_S
    )
    return ok("git", told.stdout.strip().removeprefix("git version "))


def providers(settings: Settings) -> Finding:
    """Tell which models can be asked; names of keys, never their values. Raises `ModelError`."""
    from skep.agent.models import PROVIDERS, Models

    environment = settings.environment
    for model in settings.models_of(settings.model) if settings.model else ():
        Models(environment=environment, own={}).check(model)
    ways = dict[str, tuple[str, str, str]]()
    for name, (package, extra, variable) in PROVIDERS.items():
        ways.setdefault(variable, (name, package, extra))
    said, lacking = ["offline"], set[str]()
    for variable, (name, package, extra) in ways.items():
        has_key = bool(environment.get(variable))
        has_extra = importlib.util.find_spec(package) is not None
        key, installed = "set" if has_key else "missing", "installed" if has_extra else "missing"
        said.append(f"{name}: {variable} {key}, extra {extra} {installed}")
        if has_key and not has_extra:
            lacking.add(extra)
    if lacking:
        mend = f"Install it with: pip install 'skep[{','.join(sorted(lacking))}]'"
        return warn("models", "; ".join(said), mend)
    return ok("models", "; ".join(said))


def terminal(encoding: str, *, is_ascii: bool) -> Finding:
    """Look whether all of Unicode can be shown."""
    if is_ascii or "utf" not in encoding.lower():
        mend = "Set a UTF-8 locale, such as: export LC_ALL=C.UTF-8"
        return warn("terminal", f"{encoding}: signs and names may be shown as `?`", mend)
    return ok("terminal", encoding.upper())


def movable(underway: Underway) -> Finding:
    """Look for active swarms in which nothing can move by itself."""
    stuck = [short(each.id) for each in underway.swarms if is_stalled(each.counts)]
    if stuck:
        mend = (
            f"See what it waits for: skep swarm show {stuck[0]}; then answer, retry or cancel it."
        )
        return warn("swarms", f"{_named(stuck)}: active, but blocked tasks are all it has", mend)
    many = len(underway.swarms)
    count = f"the newest {many}" if many == ACTIVE_SWARMS_MAX else str(many)
    return ok("swarms", f"{count} active, none of them stuck")


def swept(underway: Underway, *, now_s: float) -> Finding:
    """Look for tasks whose lease ran out long ago, which any process at work would take back."""
    late = [
        task
        for task in underway.running
        if task.lease_until is not None and now_s - task.lease_until > LEASE_PAST_S
    ]
    if not late:
        return ok("leases", f"{len(underway.running)} tasks run, none past its lease")
    swarms = list(dict.fromkeys(short(task.ref.swarm) for task in late))
    found = f"{len(late)} of {_named(swarms)} ran out over {LEASE_PAST_S:.0f} s ago; nobody sweeps"
    return warn("leases", found, f"Start a worker: skep work; or: skep resume {swarms[0]}")


def open_gates(underway: Underway, *, now_s: float) -> Finding:
    """Look for providers and models that nobody asks until some time."""
    waits = [wait for gate in underway.gates if (wait := closed_until(gate, now_s))]
    if not waits:
        return ok("gates", f"{len(underway.gates)} of providers and models, none shut")
    told = [f"{wait.gate} for {wait.until - now_s:.0f} s ({wait.reason})" for wait in waits]
    mend = "When it is well again sooner: skep gates --reopen " + waits[0].gate
    return warn("gates", f"nobody asks {_named(told)}", mend)


def nearest(path: Path) -> Path:
    """The path itself, or what there is of it: the nearest folder above it that can be seen."""
    return next(each for each in (path, *path.parents) if is_there(each))


def is_there(path: Path) -> bool:
    """Say whether something is at a path, as far as this user may know."""
    try:
        return path.is_symlink() or path.exists()
    except OSError:
        return False


def is_writable(path: Path) -> bool:
    """Say whether the user that this process acts as may write a file, or files in a folder."""
    wanted = os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
