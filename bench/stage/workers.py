"""The worker processes of a contestant: started, killed and stopped by the client's process."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from bench.stage.order import Order

STOP_S = 5.0


class Workers:
    """Worker processes; leaving the context ends those that are left."""

    def __init__(self, order: Order, command: Sequence[str]) -> None:
        self._order = order
        self._command = command
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, number: int = 1) -> None:
        """Start `number` more of them."""
        with (Path(self._order.folder) / "workers.log").open("ab") as log:
            for _ in range(number):
                self._running.append(
                    subprocess.Popen(
                        self._command,
                        env=self._order.as_environment(),
                        cwd=self._order.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        process_group=0,
                    )
                )

    def check(self) -> None:
        """Raise `RuntimeError` when one of them has ended by itself."""
        for worker in self._running:
            if worker.poll() is not None:
                raise RuntimeError(f"a worker ended with status {worker.returncode}")

    def kill(self) -> None:
        """End all of them and their children as `kill -9` does."""
        for worker in self._running:
            _kill_group(worker)
        self._running.clear()

    def rss_bytes(self) -> int:
        """The memory in use by the first of them and its children."""
        return sum(map(rss_bytes, _group(self._running[0].pid))) if self._running else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for worker in self._running:
            worker.terminate()
        for worker in self._running:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(STOP_S)
        self.kill()


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module with the interpreter of this process."""
    return [sys.executable, "-m", name, *arguments]


def rss_bytes(pid: int | str = "self") -> int:
    """The memory of a process that is in use now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _group(leader: int) -> list[int]:
    """The processes of a group."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(folder.name)) == leader:
                found.append(int(folder.name))
    return found


def _kill_group(worker: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
