"""The hatchery: begins lives in a nest, and tells how each of them ended."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

REPO: Final = Path(__file__).parents[2]
CLI: Final = "skep.cli:main"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Life:
    """One process; `ended` has its exit code once it has, negative for a signal."""

    pid: int
    ended: asyncio.Future[int] = field(default_factory=asyncio.Future[int])

    async def wait(self) -> int:
        """Wait for its end."""
        return await asyncio.shield(self.ended)

    def kill(self) -> bool:
        """Kill it -9; False for one that has ended by itself."""
        if self.ended.done():
            return False
        os.kill(self.pid, signal.SIGKILL)
        return True


class Hatchery:
    """Begins processes cheaply; an async context manager, with which all of them end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._nest: Process | None = None
        self._lives: dict[int, Life] = {}
        self._begun = asyncio.Queue[Life]()
        self._one_at_a_time = asyncio.Lock()
        self._hearing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        with (self._folder / "nest.log").open("ab") as log:
            self._nest = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.crash.nest"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                cwd=self._folder,
                env={**kept, "PYTHONPATH": str(REPO)},
            )
        self._hearing = asyncio.create_task(self._hear(self._nest))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._nest is not None
        assert self._nest.stdin is not None
        for life in self._lives.values():
            life.kill()
        self._nest.stdin.close()
        await self._nest.wait()
        if self._hearing is not None:
            await self._hearing

    async def begin(
        self, *argv: str, folder: Path, environment: Mapping[str, str], call: str = CLI
    ) -> Life:
        """Begin a process that calls `module:function`, with its output in `life.log`."""
        path = os.environ["PATH"]
        order = {
            "call": call,
            "argv": ["skep", *argv],
            "folder": str(folder),
            "environment": {"PATH": path, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **environment},
            "log": str(folder / "life.log"),
        }
        assert self._nest is not None
        assert self._nest.stdin is not None
        async with self._one_at_a_time:
            self._nest.stdin.write(f"{json.dumps(order)}\n".encode())
            return await self._begun.get()

    async def _hear(self, nest: Process) -> None:
        assert nest.stdout is not None
        async for line in nest.stdout:
            told = json.loads(line)
            if "begun" in told:
                life = self._lives[told["begun"]] = Life(pid=told["begun"])
                self._begun.put_nowait(life)
            else:
                self._lives.pop(told["ended"]).ended.set_result(told["code"])
