"""The processes of the rig: begun, killed, frozen, and each of these written down.

A process has a name, and each time it is started a life: `w0.3` is the third life of `w0`. The
ledger of the kills says when each life began, was frozen and was killed, and which ended by itself.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.ledger import Ledger
from typing_extensions import override

PEN_BYTES: Final = range(120, 123)
"""The bytes of SQLite's -shm file that whoever writes, checkpoints or recovers has locked."""

LOCKS: Final = Path("/proc/locks")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Life:
    """One life of one process."""

    name: str
    number: int
    process: subprocess.Popen[bytes]

    @override
    def __str__(self) -> str:
        return f"{self.name}.{self.number}"


@dataclass
class Lives:
    """All lives so far, and how to begin and end one."""

    folder: Path
    environment: Mapping[str, str]
    commands: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    now: dict[str, Life] = field(default_factory=dict[str, Life])
    frozen: set[Life] = field(default_factory=set[Life])
    begun: int = 0
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder / "kills.ledger")

    def begin(self, name: str) -> None:
        """Start a process anew."""
        self.begun += 1
        life = f"{name}.{self.begun}"
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *self.commands[name]],
                cwd=self.folder,
                env={**self.environment, "CHAOS_LIFE": life},
                stdout=log,
                stderr=log,
            )
        self.now[name] = Life(name=name, number=self.begun, process=process)
        self.ledger.line(kind="begun", life=life, pid=process.pid)

    def kill(self, name: str) -> bool:
        """Kill a process -9, frozen or not; False for one that has ended by itself."""
        life = self.now[name]
        if life.process.poll() is not None:
            return False
        del self.now[name]
        self.ledger.line(kind="killed", life=str(life))
        life.process.send_signal(signal.SIGKILL)
        life.process.wait()
        return True

    def freeze(self, name: str) -> bool:
        """Stop a process where it is, but for one that holds the pen of a SQLite file.

        Frozen inside a write, it would stop all others too: that is an outage and no takeover.
        """
        life = self.now[name]
        if life in self.frozen:
            return False
        life.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, life.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if has_pen(life.process.pid):
            life.process.send_signal(signal.SIGCONT)
            return False
        self.frozen.add(life)
        self.ledger.line(kind="frozen", life=str(life))
        return True

    def thaw(self, name: str, life: Life) -> None:
        """Let a process go on, if it is that life still."""
        if self.now.get(name) is life and life in self.frozen:
            self.frozen.discard(life)
            self.ledger.line(kind="thawed", life=str(life))
            life.process.send_signal(signal.SIGCONT)

    def bury(self) -> list[Life]:
        """Take those out that ended by themselves."""
        gone = [life for life in self.now.values() if life.process.poll() is not None]
        for life in gone:
            del self.now[life.name]
            self.ledger.line(kind="ended", life=str(life), code=life.process.returncode)
        return gone

    def end(self) -> None:
        """End all that live still."""
        for life in self.now.values():
            life.process.kill()
            life.process.wait()
        self.now.clear()


def has_pen(pid: int) -> bool:
    """Say whether a process holds the write lock of a SQLite file, where the system tells."""
    lines = LOCKS.read_text().splitlines() if LOCKS.exists() else []
    fields = [line.split() for line in lines if " WRITE " in line and "->" not in line]
    return any(int(each[4]) == pid and int(each[6]) in PEN_BYTES for each in fields)
