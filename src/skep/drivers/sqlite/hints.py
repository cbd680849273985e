"""Wake-ups between the processes of one file: a Unix datagram after each commit that rang.

Every process that waits binds one socket in a folder that belongs to the file. A writer lists the
folder and tells the others what rang; whoever hears it rings its own bell. The name of a socket
begins with what its process waits for, so that nobody is woken for nothing: `w` for work, `m` for
messages, `s` for events of swarms, `r` for swarms that come to rest. Who only writes binds none.

All of it is a hint, and the failure cases are few: without a folder, or with a path that is too
long for a socket, there are no hints; a full queue drops the datagram, and a receiver that finds
its queue full rings everything; a socket whose process is gone refuses, and whoever meets it
removes it; a datagram that makes no sense rings nothing. A waiting call looks again by itself
after a while, so losing every hint makes Skep slower and nothing else (docs/adr/0015).
"""

import asyncio
import os
import socket
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from skep.drivers.bell import REST_PREFIX, Bell
from skep.drivers.sqlite.changes import WORK_TOPIC
from skep.policy.mailing import MAIL_TOPIC
from skep.ports.system import Chance, Clock

DATAGRAM_BYTES_MAX: Final = 1024
"""One datagram. What does not fit is told as `EVERYTHING`, and what is longer is cut."""

EVERYTHING: Final = b"*"
WORK: Final = "w"
MAIL: Final = "m"
SWARMS: Final = "s"
RESTS: Final = "r"
QUEUE_FULL: Final = 10
"""The least that a socket's queue takes (net.unix.max_dgram_qlen); beyond it datagrams are lost."""

DRAIN_MAX: Final = 64
"""Datagrams read at a time, so that a flood of them does not hold up the loop."""

FOLDER_SETTLED_S: Final = 0.1
"""A folder's time of change is only as fine as this: a list made sooner after it may be stale."""


class Hints:
    """The ears of one store, and its voice. `listen` belongs to a loop, `tell` to the writer."""

    def __init__(self, folder: Path | None, bell: Bell, *, clock: Clock, chance: Chance) -> None:
        self._folder = folder
        self._bell = bell
        self._name = f"{os.getpid()}.{chance.nonce()[:8]}"
        self._ears = _Ears(bell)
        self._others = _Others(folder, self._name, clock) if folder is not None else None

    def listen(self, topic: str) -> None:
        """Begin to hear a topic; to be called before the look that a ring must not slip past."""
        kind = _kind(topic)
        if self._folder is not None and kind not in self._ears.kinds:
            with suppress(OSError, NotImplementedError):  # without ears there is the safety poll
                self._ears.open(self._folder, self._name, kind)

    def tell(self, topics: Collection[str]) -> None:
        """Ring the bell here, and tell those of the other processes that wait for such topics."""
        self._bell.ring(topics)
        if topics and self._others is not None:
            self._others.tell(topics)

    def close(self) -> None:
        """Hear and tell nothing more; leaves no socket behind."""
        self._ears.close()
        if self._others is not None:
            self._others.close()


class _Ears:
    """The socket on which this process hears, in a loop of its own choice."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner = 0
        self._path = Path()
        self.kinds = ""

    def open(self, folder: Path, name: str, kind: str) -> None:
        """Hear one kind of topic more: bind, or bear the name that says so."""
        path = folder / f"{self.kinds}{kind}.{name}"
        if self._socket is None:
            # Under its name stands only a socket that hears: one that refuses is taken for dead.
            folder.mkdir(mode=0o700, exist_ok=True)
            self._path = folder / f".{name}"
            self._socket = _bound(self._path)
            self._owner = os.getpid()
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._socket, self._hear)
        self._path.rename(path)
        self._path, self.kinds = path, self.kinds + kind

    def close(self) -> None:
        """Hear nothing more. In a process forked from the owner nothing is removed."""
        if self._socket is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        if self._owner == os.getpid():
            with suppress(OSError):  # the last one takes the folder along
                self._path.unlink()
                self._path.parent.rmdir()

    def _hear(self) -> None:
        assert self._socket is not None, "its reader is removed before it is closed"
        heard = list[bytes]()
        with suppress(OSError):  # nothing is left to read
            while len(heard) < DRAIN_MAX:
                heard.append(self._socket.recv(DATAGRAM_BYTES_MAX))
        if EVERYTHING in heard or len(heard) >= QUEUE_FULL:
            self._bell.ring_all()
        else:
            self._bell.ring({topic for each in heard for topic in _topics(each)})


class _Others:
    """The other processes that hear, by the list of the folder; used by the writer's thread."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self._folder = folder
        self._name = name
        self._clock = clock
        self._socket: socket.socket | None = None
        self._listed: list[str] = []
        self._changed = 0
        self._seen_at = 0.0
        self._is_settled = False

    def tell(self, topics: Collection[str]) -> None:
        """Send what rang to everyone who waits for such topics."""
        with suppress(OSError):  # no folder, no hints
            names = self._names()
            told = {kinds: _datagram(topics, kinds) for kinds in map(_kinds, names)}
            for name in names:
                if datagram := told[_kinds(name)]:
                    self._send(datagram, self._folder / name)

    def close(self) -> None:
        """Tell nothing more."""
        if self._socket is not None:
            self._socket.close()

    def _names(self) -> list[str]:
        """The sockets of the others: listed anew when the folder has changed, or just did."""
        changed = self._folder.stat().st_mtime_ns
        if changed != self._changed or not self._is_settled:
            now = self._clock.monotonic()
            if changed != self._changed:
                self._changed, self._seen_at = changed, now
            self._is_settled = now - self._seen_at > FOLDER_SETTLED_S
            self._listed = list(filter(self._is_other, os.listdir(self._folder)))  # noqa: PTH208 - names are enough
        return self._listed

    def _is_other(self, name: str) -> bool:
        return not name.startswith(".") and not name.endswith(f".{self._name}")

    def _send(self, datagram: bytes, path: Path) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(0)
        try:
            self._socket.sendto(datagram, str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return  # its queue is full, or it has just gone


def _bound(path: Path) -> socket.socket:
    ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        ears.settimeout(0)
        ears.bind(str(path))
    except OSError:
        ears.close()
        raise
    return ears


def _kinds(name: str) -> str:
    """What the owner of a socket waits for, by the name of the socket."""
    return name.partition(".")[0]


def _kind(topic: str) -> str:
    if topic.startswith(REST_PREFIX):
        return RESTS
    return {WORK_TOPIC: WORK, MAIL_TOPIC: MAIL}.get(topic, SWARMS)


def _datagram(topics: Iterable[str], kinds: str) -> bytes:
    """Say what rang of these kinds; empty when nothing did."""
    told = "\n".join(topic for topic in topics if _kind(topic) in kinds).encode()
    return told if len(told) <= DATAGRAM_BYTES_MAX else EVERYTHING


def _topics(datagram: bytes) -> list[str]:
    return datagram.decode(errors="replace").split("\n")
