"""A whole swarm in one file, and back: a zip that people can look into.

    manifest.json        what it is, of which swarm and when, each entry with its size and SHA-256
    swarm.json           how it stands and what its tasks came to, to be read; nothing reads it back
    image/<number>.jsonl the image, a record to a line
    contents/<sha256>    what it refers to

The manifest bears a digest of itself, so a file that was cut, damaged or edited by hand is known
and refused before anything is stored. That is no signature: whoever writes a file anew can put
into it what he likes, so import what you trust.
"""

import asyncio
import json
import os
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from skep.hive.state import SwarmState
from skep.policy.soundness import check_image
from skep.records.capture_errors import CaptureUnusable
from skep.records.errors import InvalidInput, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.image import Image
from skep.records.imaging import image_from_texts, image_texts
from skep.records.limits import BLOB_BYTES_MAX, CAPTURE_BYTES_MAX
from skep.records.values import Digest, Json, canonical, digest_of, parsed

KIND: Final = "skep-swarm"
FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SUMMARY: Final = "swarm.json"
IMAGE: Final = "image/"
CONTENTS: Final = "contents/"
MANIFEST_BYTES_MAX: Final = 16 * 1024 * 1024
BROKEN: Final = (
    *(KeyError, TypeError, ValueError, OSError, EOFError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)
"""What the parts of a broken file may raise while they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a file."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a file says of itself; `made_at` is in seconds since 1970."""

    swarm: str
    seq: int
    tasks: int
    made_at: float
    entries: tuple[Entry, ...]
    kind: str = KIND
    format: int = FORMAT

    @property
    def digest(self) -> Digest:
        """The digest of all of it."""
        return digest_of(canonical(parsed(json.dumps(asdict(self)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What was put into a file, or taken out of one: `of` is the swarm that the file holds."""

    swarm: SwarmId
    of: SwarmId
    seq: int
    tasks: int
    contents: int
    size_bytes: int


async def export_swarm(state: SwarmState, swarm: str, target: Path) -> Carried:
    """Write a whole swarm to a file, as it is at one moment, while it is worked on.

    The file is whole or not there; one that stood there is replaced. Raises `SwarmNotFound`, or
    `InvalidInput` for a place where no file can be.
    """
    store = state.store
    image = await store.states.image(SwarmId(swarm))
    entries = list[Entry]()
    with _landed(target) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as file:
        entries.append(await _put(file, SUMMARY, _summary(image)))
        for place, text in enumerate(image_texts(image)):
            entries.append(await _put(file, f"{IMAGE}{place:06}.jsonl", text.encode()))
        for digest in sorted(image.contents):
            entries.append(await _put(file, f"{CONTENTS}{digest}", await store.blobs.get(digest)))
        manifest = Manifest(
            swarm=swarm,
            seq=image.swarm.last_seq,
            tasks=len(image.tasks),
            made_at=state.clock.now(),
            entries=tuple(entries),
        )
        await _put(file, MANIFEST, _written(manifest))
    return _carried(manifest, SwarmId(swarm), await asyncio.to_thread(_size, target))


async def import_swarm(state: SwarmState, source: Path, *, is_new: bool = False) -> Carried:
    """Make a swarm from a file: under its own id if that is free here, else under a new one.

    With `is_new` it is always a new one. Everything is checked first: of a file that is refused
    nothing is stored. Raises `CaptureUnusable`.
    """
    opened = await asyncio.to_thread(_opened, source)
    with opened as file:
        manifest = await asyncio.to_thread(_manifest, file)
        texts = [
            await asyncio.to_thread(_text, file, entry)
            for entry in manifest.entries
            if entry.name.startswith(IMAGE)
        ]
        image = image_from_texts(texts)
        check_image(image)
        await _check_contents(file, manifest, image)
        for entry in _contents(manifest):
            await state.store.blobs.put([await asyncio.to_thread(_read, file, entry)])
    swarm = SwarmId(state.chance.uuid()) if is_new else await _free(state, image.swarm.id)
    made = await state.found(image, swarm, capture=f"export/{manifest.digest[:12]}")
    return _carried(manifest, made, await asyncio.to_thread(_size, source))


async def _check_contents(file: zipfile.ZipFile, manifest: Manifest, image: Image) -> None:
    if manifest.swarm != image.swarm.id or manifest.seq != image.swarm.last_seq:
        raise CaptureUnusable("The file holds another swarm than it says.")
    held = {entry.name.removeprefix(CONTENTS) for entry in _contents(manifest)}
    if held != set(image.contents):
        raise CaptureUnusable("The file lacks contents that the swarm refers to.")
    for entry in _contents(manifest):
        if entry.name != f"{CONTENTS}{entry.sha256}":
            raise CaptureUnusable(f"{entry.name} holds something else.")
        await asyncio.to_thread(_read, file, entry)


async def _free(state: SwarmState, swarm: SwarmId) -> SwarmId:
    try:
        await state.store.registry.swarm(swarm)
    except SwarmNotFound:
        return swarm
    return SwarmId(state.chance.uuid())


def _contents(manifest: Manifest) -> list[Entry]:
    return [entry for entry in manifest.entries if entry.name.startswith(CONTENTS)]


def _carried(manifest: Manifest, swarm: SwarmId, size: int) -> Carried:
    return Carried(
        swarm=swarm,
        of=SwarmId(manifest.swarm),
        seq=manifest.seq,
        tasks=manifest.tasks,
        contents=len(_contents(manifest)),
        size_bytes=size,
    )


async def _put(file: zipfile.ZipFile, name: str, content: bytes) -> Entry:
    await asyncio.to_thread(file.writestr, name, content)
    return Entry(name=name, size_bytes=len(content), sha256=sha256(content).hexdigest())


def _written(manifest: Manifest) -> bytes:
    told = {**asdict(manifest), "digest": manifest.digest}
    return json.dumps(told, indent=2).encode()


def _summary(image: Image) -> bytes:
    """Write what a person wants to know of the swarm."""
    swarm = image.swarm
    tasks: list[Json] = [
        {
            "task": each.key,
            "status": each.task.status.value,
            "outcome": parsed(each.task.outcome) if each.task.outcome is not None else None,
            "reason": each.task.reason,
        }
        for each in image.tasks
    ]
    told: dict[str, Json] = {
        "swarm": swarm.id,
        "objective": swarm.request.objective,
        "status": swarm.status.value,
        "reason": swarm.reason,
        "events": swarm.last_seq,
        "tasks": tasks,
    }
    return json.dumps(told, indent=2, ensure_ascii=False).encode("utf-8", "replace")


def _opened(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except FileNotFoundError:
        raise CaptureUnusable(f"There is no file {source}.") from None
    except BROKEN as error:
        raise CaptureUnusable(
            f"{source} is no export of a swarm, or not all of one.", hint="Export the swarm again."
        ) from error


def _manifest(file: zipfile.ZipFile) -> Manifest:
    try:
        told: Any = json.loads(_bounded(file, MANIFEST, MANIFEST_BYTES_MAX))
        digest = told.pop("digest")
        kind, version = told["kind"], told["format"]
        entries = tuple(Entry(**entry) for entry in told.pop("entries"))
        manifest = Manifest(**told, entries=entries)
    except BROKEN as error:
        raise CaptureUnusable("The file is no whole export of a swarm.") from error
    if kind != KIND or version != FORMAT:
        raise CaptureUnusable("The file is of another kind, or of a newer Skep.")
    names = [entry.name for entry in manifest.entries]
    if digest != manifest.digest or sorted([*names, MANIFEST]) != sorted(file.namelist()):
        raise CaptureUnusable("The file was changed after it was written.")
    if sum(e.size_bytes for e in manifest.entries if e.name.startswith(IMAGE)) > CAPTURE_BYTES_MAX:
        raise CaptureUnusable("The file holds an image that is too large.")
    return manifest


def _text(file: zipfile.ZipFile, entry: Entry) -> str:
    try:
        return _read(file, entry).decode()
    except UnicodeDecodeError as error:
        raise CaptureUnusable(f"{entry.name} is no text.") from error


def _read(file: zipfile.ZipFile, entry: Entry) -> bytes:
    """Read one entry whole; raises `CaptureUnusable` for one that is not what the manifest says."""
    allowed = CAPTURE_BYTES_MAX if entry.name.startswith(IMAGE) else BLOB_BYTES_MAX
    try:
        content = _bounded(file, entry.name, min(allowed, entry.size_bytes))
    except BROKEN as error:
        raise CaptureUnusable(f"{entry.name} is damaged.") from error
    if sha256(content).hexdigest() != entry.sha256:
        raise CaptureUnusable(f"{entry.name} was changed after it was written.")
    return content


def _bounded(file: zipfile.ZipFile, name: str, allowed: int) -> bytes:
    with file.open(name) as entry:
        content = entry.read(allowed + 1)
    if len(content) > allowed:
        raise ValueError(name)
    return content


@contextmanager
def _landed(target: Path) -> Generator[Path]:
    """Give a file beside `target`, for its owner only, that takes its place at the end."""
    beside = target.with_name(f".{target.name}.part")
    try:
        beside.unlink(missing_ok=True)
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise InvalidInput(f"{target} cannot be written: {error.strerror}.") from error
    try:
        yield beside
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size
