"""The folder that a swarm may read: every file beneath its root, and nothing else.

What lies in a workspace is untrusted: a name may be a link to a place outside, a pipe that
never answers, a device; and it may turn into one between a check and a use. So a file is never
opened by a path that the system resolves. Each folder on the way is opened by its own name in
the one before it, without following links, and the file's kind is asked of what was opened.
"""

import errno
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final

from skep.agent.files import (
    FileEntry,
    FileRefused,
    Listing,
    Reason,
    Skips,
    TextFile,
)
from skep.agent.git import Repository, repository_at
from skep.records.errors import WorkspaceError

TEXT_BYTES_MAX: Final = 2_000_000
"""The largest file that a tool analyses as text."""
COUNTED_BYTES_MAX: Final = 32_000_000
"""The largest file whose lines are counted or searched for plain words."""

_ALWAYS_LEFT_OUT: Final = frozenset({b".git", b".skep"})
_HEAD_BYTES: Final = 8_192
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Non-blocking: a pipe that takes a file's place after the check must not hold the reader.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceLimits:
    """How much of a workspace is looked at; what is beyond is counted and stated."""

    files_max: int = 200_000
    depth_max: int = 64


class Workspace:
    """A folder, open for reading only.

    In a git work tree its files are what git knows or would add: tracked ones and untracked ones
    that are not ignored (by the repository's own rules, not by the user's). Elsewhere they are
    all files beneath it. Names that are `.git` or `.skep`, or lie in one, are left out.

    Raises `WorkspaceError` when the folder is missing, is no folder, or may not be read.
    """

    def __init__(self, root: Path, *, limits: WorkspaceLimits | None = None) -> None:
        self._root = root.absolute()
        self._limits = limits or WorkspaceLimits()
        try:
            os.close(os.open(self._root, _FOLDER))
        except OSError as error:
            message = f"The workspace {root} cannot be read: {error.strerror}."
            raise WorkspaceError(message) from error

    @property
    def repository(self) -> Repository | None:
        """The git work tree that the workspace is or lies in, if any."""
        return repository_at(self._root)

    def listing(self) -> Listing:
        """List the regular files. Cost: one call of git or one walk, and one stat per file."""
        skips = Skips()
        repository = self.repository
        names = _git_names(repository) if repository else self._walk(skips)
        files = tuple(self._regular(self._limited(names, skips), skips))
        return Listing(files=files, git=repository is not None, skips=skips)

    def texts(self, listing: Listing, *, bytes_max: int = TEXT_BYTES_MAX) -> Iterator[TextFile]:
        """Read the text files of `listing` one after the other; the others join its skips."""
        for entry in listing.files:
            try:
                content = self.read(entry.path, bytes_max=bytes_max)
            except FileRefused as refusal:
                listing.skips.add(refusal.reason, entry.path)
            else:
                yield TextFile(entry.path, content)

    def read(self, path: str, *, bytes_max: int = TEXT_BYTES_MAX) -> bytes:
        """Read one text file whole.

        Raises `FileRefused` with its reason: no such file, no regular file, a link on the way,
        not readable, binary (NUL among its first 8,192 bytes), larger than `bytes_max`.
        """
        return self._read(path, partial(_text_of, bytes_max=bytes_max))

    def content(self, path: str, *, bytes_max: int) -> bytes:
        """Read one file whole, whatever is in it. Raises `FileRefused` as `read` does."""
        return self._read(path, partial(_whole, bytes_max=bytes_max))

    def has(self, path: str) -> bool:
        """Tell whether a file, link or folder lies there; what is behind a link counts as there."""
        try:
            folder, name = _split(self._inside(path))
            with self._folder(folder) as folder_fd:
                os.lstat(name or b".", dir_fd=folder_fd)
        except FileRefused:
            return False
        except OSError as error:
            return _reason_of(error) is not Reason.MISSING
        return True

    def _read(self, path: str, reading: Callable[[str, BinaryIO], bytes]) -> bytes:
        """Open one regular file without following a link, and read it."""
        folder, name = _split(self._inside(path))
        try:
            with self._folder(folder) as folder_fd:
                _refuse_unless_file(path, os.lstat(name, dir_fd=folder_fd))
                with os.fdopen(os.open(name, _FILE, dir_fd=folder_fd), "rb") as file:
                    _refuse_unless_file(path, os.fstat(file.fileno()))
                    return reading(path, file)
        except OSError as error:
            raise FileRefused(path=path, reason=_reason_of(error)) from error

    def _inside(self, path: str) -> bytes:
        try:
            parts = [part for part in os.fsencode(path).split(b"/") if part not in {b"", b"."}]
        except UnicodeEncodeError as error:  # half a pair of characters is in no file's name
            raise FileRefused(path=path, reason=Reason.MISSING) from error
        hidden = _ALWAYS_LEFT_OUT.intersection(parts)
        if path.startswith("/") or "\0" in path or b".." in parts or hidden:
            raise FileRefused(path=path, reason=Reason.OUTSIDE)
        return b"/".join(parts)

    @contextmanager
    def _folder(self, folder: bytes) -> Generator[int]:
        fd = os.open(self._root, _FOLDER)
        try:
            for part in filter(None, folder.split(b"/")):
                deeper = _open_folder(part, inside=fd)
                os.close(fd)
                fd = deeper
            yield fd
        finally:
            os.close(fd)

    def _limited(self, names: Iterator[bytes], skips: Skips) -> list[bytes]:
        kept: set[bytes] = set()  # git names a file once per side of an unsettled merge
        for name in names:
            if _ALWAYS_LEFT_OUT.intersection(name.split(b"/")) or name in kept:
                continue
            if len(kept) < self._limits.files_max:
                kept.add(name)
            else:
                skips.add(Reason.OVER_LIMIT, os.fsdecode(name))
        return sorted(kept)

    def _regular(self, names: list[bytes], skips: Skips) -> Iterator[FileEntry]:
        for folder, members in groupby(names, key=lambda name: _split(name)[0]):
            paths = list(map(os.fsdecode, members))
            try:
                with self._folder(folder) as folder_fd:
                    kinds = [_entry(path, inside=folder_fd) for path in paths]
            except OSError as error:
                kinds = [_reason_of(error)] * len(paths)
            for path, kind in zip(paths, kinds, strict=True):
                if isinstance(kind, FileEntry):
                    yield kind
                else:
                    skips.add(kind, path)

    def _walk(self, skips: Skips) -> Iterator[bytes]:
        folders = [b""]
        while folders:
            folder = folders.pop()
            try:
                deeper, others = self._scan(folder)
            except OSError as error:
                skips.add(_reason_of(error), os.fsdecode(folder))
                continue
            yield from others
            if folder.count(b"/") < self._limits.depth_max:
                folders.extend(deeper)
            else:
                for name in deeper:
                    skips.add(Reason.TOO_DEEP, os.fsdecode(name))

    def _scan(self, folder: bytes) -> tuple[list[bytes], list[bytes]]:
        folders: list[bytes] = []
        others: list[bytes] = []
        with self._folder(folder) as folder_fd, os.scandir(folder_fd) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if name not in _ALWAYS_LEFT_OUT:
                    kind = folders if entry.is_dir(follow_symlinks=False) else others
                    kind.append(folder + b"/" + name if folder else name)
        return sorted(folders, reverse=True), sorted(others)


def _refuse_unless_file(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(path=path, reason=_kind_of(status))


def _text_of(path: str, file: BinaryIO, *, bytes_max: int) -> bytes:
    head = file.read(_HEAD_BYTES)
    if b"\0" in head:
        raise FileRefused(path=path, reason=Reason.BINARY)
    size = os.fstat(file.fileno()).st_size
    # One byte beyond shows a file that is too large, or that grows while it is read.
    content = head + file.read(max(0, min(size, bytes_max) - len(head)) + 1)
    if len(content) > bytes_max:
        raise FileRefused(path=path, reason=Reason.TOO_LARGE)
    return content


def _whole(path: str, file: BinaryIO, *, bytes_max: int) -> bytes:
    content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise FileRefused(path=path, reason=Reason.TOO_LARGE)
    return content


def _split(path: bytes) -> tuple[bytes, bytes]:
    folder, _, name = path.rpartition(b"/")
    return folder, name


def _git_names(repository: Repository) -> Iterator[bytes]:
    for name in repository.records("ls-files", "-z", "--cached", "--others", "--exclude-standard"):
        yield name.rstrip(b"/")  # a repository inside this one is named as a folder


def _open_folder(name: bytes, *, inside: int) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=inside)
    except NotADirectoryError:
        if stat.S_ISLNK(os.lstat(name, dir_fd=inside).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _entry(path: str, *, inside: int) -> FileEntry | Reason:
    try:
        status = os.lstat(path.rpartition("/")[2], dir_fd=inside)
    except OSError as error:
        return _reason_of(error)
    return FileEntry(path, status.st_size) if stat.S_ISREG(status.st_mode) else _kind_of(status)


def _kind_of(status: os.stat_result) -> Reason:
    if stat.S_ISLNK(status.st_mode):
        return Reason.SYMLINK
    return Reason.SUBMODULE if stat.S_ISDIR(status.st_mode) else Reason.SPECIAL


def _reason_of(error: OSError) -> Reason:
    match error.errno:
        case errno.ELOOP:
            return Reason.SYMLINK
        case errno.ENOENT | errno.ENOTDIR:
            return Reason.MISSING
        case _:
            return Reason.UNREADABLE
