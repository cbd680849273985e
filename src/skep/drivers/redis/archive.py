"""The file that a backup of a Redis store is: a zip with a manifest, swarms and contents.

    manifest.json       what it is, when and of which server it was made, and how much it holds
    swarms/<number>     one swarm: its id, then each of its keys as the server dumps it
    contents/<sha256>   one content

Every entry has its checksum, and the manifest is written last: a file that was cut off has none.
"""

import json
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from skep.records.errors import BackupUnusable, StoreTooNew

KIND: Final = "skep-redis"
FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SWARMS: Final = "swarms/"
CONTENTS: Final = "contents/"
UNREADABLE: Final = (
    *(KeyError, TypeError, ValueError, OSError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)
"""What the parts of a broken file may raise while they are read."""

_SIZES: Final = struct.Struct(">IQQ")

Packed = tuple[bytes, int, bytes]
"""A key, its time to live in milliseconds (0 is for ever), and its payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    made_at: float
    server_version: str
    incarnation: str
    swarms: int
    contents: int
    kind: str = KIND
    format: int = FORMAT


class Writing:
    """A backup that is being written."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._kept = set[str]()
        self.swarms = 0

    @property
    def contents(self) -> int:
        """How many contents are in it."""
        return len(self._kept)

    def has(self, digest: str) -> bool:
        """Say whether a content is in it."""
        return digest in self._kept

    def add_content(self, digest: str, content: bytes) -> None:
        """Add a content."""
        self._file.writestr(f"{CONTENTS}{digest}", content)
        self._kept.add(digest)

    def add_swarm(self, swarm: str, keys: list[Packed]) -> None:
        """Add a swarm with its keys; its contents came before."""
        parts = [part for key in [(swarm.encode(), 0, b""), *keys] for part in _framed(key)]
        self._file.writestr(f"{SWARMS}{self.swarms:08}", b"".join(parts))
        self.swarms += 1

    def close(self, manifest: Manifest) -> None:
        """Write the manifest, without which it is no backup."""
        self._file.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))


class Archive:
    """A backup that is read."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._file = file
        self.manifest = manifest

    def swarms(self) -> Iterator[tuple[str, list[Packed]]]:
        """Read the swarms one by one: the id and the keys of each."""
        for name in self._names(SWARMS):
            (swarm, _, _), *keys = _unframed(self._file.read(name))
            yield swarm.decode(), keys

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Read the contents one by one."""
        for name in self._names(CONTENTS):
            yield name.removeprefix(CONTENTS), self._file.read(name)

    def _names(self, prefix: str) -> list[str]:
        return [name for name in self._file.namelist() if name.startswith(prefix)]


@contextmanager
def opened_archive(path: Path) -> Generator[Archive]:
    """Open a backup and check all of it.

    Raises `BackupUnusable` for what is broken or no backup of ours, `StoreTooNew` for one that a
    newer Skep wrote.
    """
    if not path.is_file():
        raise BackupUnusable(f"There is no file {path}.")
    if not zipfile.is_zipfile(path):
        raise BackupUnusable(
            f"{path} is no backup of a Redis store, or not all of one.",
            hint="A backup is restored into a store of the kind that it was made of.",
        )
    with zipfile.ZipFile(path) as file:
        manifest = _manifest(file, path)
        yield Archive(file, manifest)


def is_archive(path: Path) -> bool:
    """Say whether a file is a backup of a Redis store."""
    try:
        with opened_archive(path):
            return True
    except (BackupUnusable, StoreTooNew):
        return False


def _manifest(file: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        told = json.loads(file.read(MANIFEST))
        if told["kind"] == KIND and told["format"] > FORMAT:
            raise StoreTooNew(f"{path} was written by a newer Skep.", hint="Use that one.")
        broken = file.testzip()
        manifest = Manifest(**told)
    except UNREADABLE as error:
        raise BackupUnusable(f"{path} is no whole backup of a Redis store: {error}.") from error
    if broken is not None:
        raise BackupUnusable(f"{path} is damaged in {broken}.", hint="Use an earlier backup.")
    return manifest


def _framed(packed: Packed) -> tuple[bytes, bytes, bytes]:
    key, ttl, payload = packed
    return _SIZES.pack(len(key), ttl, len(payload)), key, payload


def _unframed(data: bytes) -> Iterator[Packed]:
    at = 0
    while at < len(data):
        key_size, ttl, size = _SIZES.unpack_from(data, at)
        at += _SIZES.size
        yield data[at : at + key_size], ttl, data[at + key_size : at + key_size + size]
        at += key_size + size
