"""A crowd of processes on one SQLite file, half of them workers, and what was seen of the file."""

import json
import statistics
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw
from typing_extensions import override

from skep.drivers.sqlite.db import Db

MEMBER: Final = Path(__file__).with_name("crowd_member.py")
LOOK_S: Final = 0.05


@dataclass(kw_only=True)
class Crowd:
    """What a crowd came to: the waits of tasks, the errors, the largest write-ahead log."""

    swarms: int = 0
    left: int = 0
    errors: list[str] = field(default_factory=list[str])
    waits: list[float] = field(default_factory=list[float])
    wal_bytes_max: int = 0
    integrity: str = ""

    def wait_ms(self, percent: int) -> float:
        """How long so many of a hundred tasks waited at most, from acknowledgement to begin."""
        return 1000 * statistics.quantiles(self.waits, n=100)[percent - 1]

    @override
    def __str__(self) -> str:
        return (
            f"{self.swarms} swarms, {len(self.waits)} single tasks: p50 {self.wait_ms(50):.1f} ms,"
            f" p99 {self.wait_ms(99):.1f} ms, most {1000 * max(self.waits):.1f} ms;"
            f" WAL at most {self.wal_bytes_max / 2**20:.1f} MiB; integrity {self.integrity};"
            f" {len(self.errors)} errors of the store"
        )


def gathered(folder: Path, *, workers: int, submitters: int, seconds: float) -> Crowd:
    """Let a crowd work on a file in `folder`; gives what it came to."""
    file = folder / "crowd.db"
    store = f"sqlite:///{file}"
    crowd, is_over = Crowd(), threading.Event()
    looker = threading.Thread(target=_watch_log, args=(file, crowd, is_over))
    working = [_begun(folder, "work", store) for _ in range(workers)]
    try:
        for worker in working:
            assert worker.stdout is not None
            assert worker.stdout.readline().strip() == "ready"
        looker.start()
        asking = [
            _begun(folder, "submit", store, str(seconds), f"n{number}")
            for number in range(submitters)
        ]
        told = [_ended(each) for each in asking]
        told += [_ended(each) for each in working]
    finally:
        is_over.set()
        for worker in working:
            worker.kill()
            worker.wait()
    looker.join()
    for each in told:
        crowd.swarms += each.get("swarms", 0)
        crowd.waits += each.get("waits", [])
        crowd.errors += each["errors"]
    db = Db(apsw.Connection(str(file)))
    crowd.left = db.value("SELECT count(*) FROM swarm WHERE status != 'completed'")
    crowd.integrity = db.value("PRAGMA integrity_check")
    return crowd


def _begun(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(MEMBER), *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Close its stdin, wait for its end, and read what it told."""
    out, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def _watch_log(file: Path, crowd: Crowd, is_over: threading.Event) -> None:
    log = file.with_name(f"{file.name}-wal")
    while not is_over.wait(LOOK_S):
        size = log.stat().st_size if log.exists() else 0
        crowd.wal_bytes_max = max(crowd.wal_bytes_max, size)
