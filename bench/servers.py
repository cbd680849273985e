"""The real servers that contestants work on: loopback only, short-lived, in own folders."""

import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

START_S: Final = 20.0


class NoServer(Exception):
    """A server that a contestant needs is not on this machine."""


@contextmanager
def redis(folder: Path, *, fsync: str = "everysec") -> Generator[str]:
    """Run a Redis or Valkey with an append-only file; gives its URL. Raises `NoServer`."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        raise NoServer("no redis-server or valkey-server on PATH")
    port = _free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "yes", "--appendfsync", fsync]
    with _running(command, folder, port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres(folder: Path) -> Generator[str]:
    """Run a PostgreSQL with fsync on; gives its URL. Raises `NoServer`."""
    binaries = _postgres_binaries()
    port, cluster = _free_port(), folder / "postgres"
    own = _as_nobody(folder)
    made = [*own, str(binaries / "initdb"), "-D", str(cluster), "-U", "bench", "-A", "trust", "-N"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    command = [*own, str(binaries / "postgres"), "-D", str(cluster), "-p", str(port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    command += ["-c", "max_connections=200"]
    with _running(command, folder, port):
        yield f"postgresql://bench@127.0.0.1:{port}/postgres"


def redis_version() -> str:
    """The version line of the server that would be used."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        return "none"
    shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return " ".join(shown.stdout.split()[:3])


def _postgres_binaries() -> Path:
    found = shutil.which("initdb") or shutil.which("postgres")
    where = Path(found).resolve().parent if found else Path("/nowhere")
    if not (where / "initdb").exists():
        raise NoServer("no PostgreSQL (initdb, postgres) on PATH")
    return where


def _as_nobody(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: lend the folder to nobody, and run as that."""
    if folder.owner() != "root":
        return []
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--clear-groups"]


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Generator[None]:
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(port, server)
        yield
    finally:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise NoServer("the server did not come up; see server.log")
