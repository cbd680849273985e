"""A stand-in for a Redis server that tells of itself what a test wants: it keeps nothing."""

import socketserver
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedIOBase
from typing import Final

from typing_extensions import override

from skep.drivers.system import SystemClock

HEALTHY: Final = {
    "redis_version": "7.2.0",
    "run_id": "f" * 40,
    "role": "master",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "maxmemory_policy": "noeviction",
    "used_memory": "1000000",
    "maxmemory": "0",
}
"""What INFO says of a server with which nothing is wrong."""


@contextmanager
def stand_in(*, clock_off_s: float = 0.0, **info: str) -> Generator[str]:
    """Answer the doctor's questions on a port of this host; gives the URL."""

    class Answers(socketserver.StreamRequestHandler):
        """One connection."""

        @override
        def handle(self) -> None:
            while words := asked(self.rfile):
                self.wfile.write(reply(words, {**HEALTHY, **info}, clock_off_s))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            serving.join()


def asked(stream: BufferedIOBase) -> Sequence[str]:
    """Read one command; empty at the end."""
    count = stream.readline()
    words = list[str]()
    for _ in range(int(count[1:]) if count else 0):
        size = int(stream.readline()[1:])
        words.append(stream.read(size + 2)[:-2].decode())
    return words


def reply(words: Sequence[str], info: Mapping[str, str], clock_off_s: float) -> bytes:
    """Answer one command as a server without any swarm does."""
    answers = {
        "INFO": bulk("".join(f"{name}:{value}\r\n" for name, value in info.items())),
        "TIME": array(str(int(SystemClock().now() + clock_off_s)), "0"),
        "HMGET": b"*2\r\n$-1\r\n$-1\r\n",
        "ZCARD": b":0\r\n",
        "SCARD": b":0\r\n",
        "SMEMBERS": array(),
        "CONFIG": array("appendfsync", "always"),
    }
    return answers.get(words[0].upper(), b"+OK\r\n")


def array(*words: str) -> bytes:
    """Write an answer of several words."""
    return f"*{len(words)}\r\n".encode() + b"".join(map(bulk, words))


def bulk(text: str) -> bytes:
    """Write an answer of one text."""
    return f"${len(text.encode())}\r\n{text}\r\n".encode()
