"""Files that leave the store: the report and the artefacts, and nothing outside their folder.

An artefact's name was chosen by an agent. Each of its parts becomes a plain file name, the file
is written aside and moved into place (so a link that stands there is replaced, never followed),
and a folder that leads elsewhere is refused.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from skep.hive.handle import SwarmHandle
from skep.records.errors import InvalidInput, SkepError
from skep.records.ids import SwarmId, TaskRef
from skep.records.outcome import Artifact
from skep.records.values import digest_of
from skep.settings import Settings

SWARMS_FOLDER: Final = "swarms"
PART_CHARS_MAX: Final = 100
PART_CHARS_KEPT: Final = 32
_PLAIN: Final = " +,=@"

Exported = dict[tuple[TaskRef, str], Path]
"""Where each artefact went, by its task and name."""


class UnsafeFolder(SkepError):
    """A folder to write into leads somewhere else."""

    code = "unsafe_folder"


def swarm_folder(settings: Settings, swarm: SwarmId) -> Path:
    """The folder in which a swarm's report and artefacts are left."""
    return settings.state_folder / SWARMS_FOLDER / swarm


async def export_artifacts(
    handle: SwarmHandle,
    artifacts: Sequence[tuple[TaskRef, Artifact]],
    folder: Path,
    *,
    within: Path,
) -> Exported:
    """Write artefacts as `folder/<task>/<name>`, inside `within`; returns where each is."""
    written = Exported()
    for ref, artifact in artifacts:
        path = folder / safe_path(ref.key, artifact.name)
        put(path, await handle.read(artifact), within=within)
        written[ref, artifact.name] = path
    return written


def safe_path(*names: str) -> Path:
    """Turn names into a relative path that stays where it is put; equal only for equal names.

    >>> safe_path("todos", "findings/todos.json")
    PosixPath('todos/findings/todos.json')
    >>> safe_path("todos", "../../.bashrc")
    PosixPath('todos/%2E./%2E./%2Ebashrc')
    """
    return Path(*(_plain(part) for name in names for part in name.split("/")))


def put(path: Path, content: bytes, *, within: Path) -> None:
    """Write a file whole or not at all. Raises `UnsafeFolder` when its folder leads elsewhere."""
    if not path.parent.resolve().is_relative_to(within.resolve()):
        raise UnsafeFolder(f"{path.parent} leads out of {within}, so nothing was written to it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as aside:
        aside.write(content)
    os.chmod(aside.name, 0o644)  # noqa: PTH101 - as any file that a user makes
    os.replace(aside.name, path)  # noqa: PTH105 - a name, not a path


def default_report(settings: Settings, swarm: SwarmId) -> Path:
    """Where a swarm's report goes when the user does not say."""
    return swarm_folder(settings, swarm) / "report.md"


def put_report(text: str, path: Path, *, within: Path | None) -> None:
    """Write a report; one for a place that the user named goes there, links and all."""
    content = text.encode("utf-8", "replace")
    if within is None:
        path.write_bytes(content)
    else:
        put(path, content, within=within)


def checked_out(out: str) -> Path:
    """Refuse a place where no file can be written, before any work is done."""
    path = Path(out)
    if path.is_dir():
        raise InvalidInput(f"{out} is a folder.", hint="Say a file, such as report.md.")
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {path.parent}.", hint="Make it first.")
    return path


def _plain(part: str) -> str:
    if not part:
        return "%"
    quoted = quote(part, safe=_PLAIN)
    if quoted.startswith("."):  # neither hidden nor a way up
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) > PART_CHARS_MAX:
        quoted = f"{quoted[:PART_CHARS_KEPT]}-{digest_of(part)[:PART_CHARS_KEPT]}"
    return quoted
