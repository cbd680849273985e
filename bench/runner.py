"""The runner: each repeat plays each row with each contestant in turn, bounded in time.

Contestants are interleaved, so that whatever else the machine does falls on all alike. Each
measurement has a process, a server and a folder of its own. One that takes longer than its row
allows is cut, said to be, and not tried again; so is one that failed twice. A contestant that has
spent `patience_s` on a row is not asked again there: the slowest do not eat the time of all.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, cast

from bench import servers
from bench.cast import Contestant, Server
from bench.environments import REPO, NotInstalled, python_of
from bench.results import Measurement
from bench.rows import Row
from bench.stage.order import Order

FAILURES_MAX: Final = 2
COUNT_MIN: Final = 20
LOG_LINES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is to be measured: contestants, rows, how often, how large, and within what time."""

    contestants: Sequence[Contestant]
    rows: Sequence[Row]
    repeats: int
    scale: str
    minutes: float
    patience_s: float
    on_screen: Callable[[str], None]


def _no_time() -> defaultdict[tuple[str, str], float]:
    return defaultdict(float)


@dataclass(slots=True)
class Run:
    """A program under way; `skipped` says what was left out, and why."""

    program: Program
    measurements: list[Measurement] = field(default_factory=list[Measurement])
    skipped: list[str] = field(default_factory=list[str])
    _failures: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _spent_s: defaultdict[tuple[str, str], float] = field(default_factory=_no_time)
    _paces: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    _pythons: dict[str, Path] = field(default_factory=dict[str, Path])
    _deadline: float = 0.0

    def play(self) -> None:
        """Measure everything; what there is no time for is skipped."""
        self._install()
        self._deadline = monotonic() + self.program.minutes * 60
        turns = list(self._turns())
        for place, (repeat, row, contestant) in enumerate(turns, start=1):
            if self._is_done_with(contestant, row):
                continue
            left_s = self._deadline - monotonic()
            found = self._measured(contestant, row, repeat=repeat, cap_s=min(row.cap_s, left_s))
            if found is None:
                self.skipped.append(f"the time was up after {place - 1} of {len(turns)} turns")
                return
            self.measurements.append(found)
            self._spent_s[contestant.name, row.name] += found.took_s
            if pace := found.figures.get(row.metrics[0].name):
                self._paces[contestant.name, row.name] = pace
            self.program.on_screen(_told(found, place=place, of=len(turns)))

    def _is_done_with(self, contestant: Contestant, row: Row) -> bool:
        pair = contestant.name, row.name
        failed, spent_s = self._failures[pair], self._spent_s[pair]
        return failed >= FAILURES_MAX or spent_s >= self.program.patience_s

    def _size(self, contestant: Contestant, row: Row) -> int:
        pace = self._paces.get((contestant.name, row.name), contestant.pace)
        return size(row, self.program.scale, pace=pace)

    def _install(self) -> None:
        for contestant in self.program.contestants:
            if contestant.environment in self._pythons:
                continue
            try:
                self._pythons[contestant.environment] = python_of(contestant.environment)
            except NotInstalled as error:
                self.skipped.append(f"{contestant.environment} could not be installed: {error}")
                self.program.on_screen(self.skipped[-1])

    def _turns(self) -> Iterator[tuple[int, Row, Contestant]]:
        """Every other repeat goes backwards, so that nobody always comes after the same one."""
        there = [each for each in self.program.contestants if each.environment in self._pythons]
        for repeat in range(self.program.repeats):
            for row in self.program.rows:
                for contestant in there[:: -1 if repeat % 2 else 1]:
                    if row.name in contestant.rows:
                        yield repeat, row, contestant

    def _measured(
        self, contestant: Contestant, row: Row, *, repeat: int, cap_s: float
    ) -> Measurement | None:
        """Measure once; None when the time of the whole run was up before it was done."""
        if cap_s <= 0:
            return None
        began = monotonic()
        figures: dict[str, float] = {}
        failure = ""
        try:
            figures = measured(
                contestant,
                row,
                python=self._pythons[contestant.environment],
                cap_s=cap_s,
                told={"count": self._size(contestant, row)},
            )
        except subprocess.TimeoutExpired:
            if cap_s < row.cap_s:
                return None
            failure = f"cut after {cap_s:.3g} s"
            self._failures[contestant.name, row.name] += FAILURES_MAX
        except (Unplayed, servers.NoServer) as error:
            failure = str(error)
            self._failures[contestant.name, row.name] += 1
        return Measurement(
            contestant=contestant.name,
            row=row.name,
            repeat=repeat,
            took_s=monotonic() - began,
            figures=figures,
            failure=failure,
        )


class Unplayed(Exception):
    """A contestant's process ended without figures; the message is its last word."""


def size(row: Row, scale: str, *, pace: float) -> int:
    """How many tasks, DAGs or runs are given to a contestant that does `pace` tasks a second."""
    amount = row.size(scale)
    return max(COUNT_MIN, int(2 * amount * pace)) if row.is_paced else int(amount)


def measured(
    contestant: Contestant,
    row: Row,
    *,
    python: Path,
    cap_s: float,
    told: Mapping[str, object],
) -> dict[str, float]:
    """Play one row once, in a process, a server and a folder of its own; gives the figures.

    What is `told` goes into the order; the count must be. Raises `Unplayed`, `NoServer` or
    `TimeoutExpired`.
    """
    with _folder() as folder, _server(contestant.server, folder) as url:
        asked: dict[str, object] = {
            "row": row.name,
            "folder": str(folder),
            "url": url,
            "workers": contestant.workers,
            "seconds": row.seconds,
            "variant": contestant.variant,
            **told,
        }
        order = Order(**asked)  # pyright: ignore[reportArgumentType] - the fields of an order
        return _figures([str(python), "-m", contestant.module], order, cap_s=cap_s)


def _figures(command: Sequence[str], order: Order, *, cap_s: float) -> dict[str, float]:
    environment = {**order.as_environment(), "PYTHONPATH": str(REPO)}
    with subprocess.Popen(
        command,
        env=environment,
        cwd=order.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=cap_s)
        finally:
            _end_session(process)
    for line in reversed(out.splitlines()):
        if line.startswith("{") and process.returncode == 0:
            return cast("dict[str, float]", json.loads(line))
    raise Unplayed(_last_word(err or out))


def _end_session(process: subprocess.Popen[str]) -> None:
    """End the process and every process that came of it: those of its own session."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(stat.read_text().rpartition(")")[2].split()[3])
            if session == process.pid:
                os.kill(int(stat.parent.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue  # it has ended meanwhile
    process.wait()


def _last_word(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it ended without a word"


@contextmanager
def _folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="skep-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _server(server: Server, folder: Path):  # noqa: ANN202 - one of three context managers
    match server:
        case Server.REDIS:
            return servers.redis(folder)
        case Server.REDIS_ALWAYS:
            return servers.redis(folder, fsync="always")
        case Server.POSTGRES:
            return servers.postgres(folder)
        case Server.NONE:
            return nullcontext("")


def _told(found: Measurement, *, place: int, of: int) -> str:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in found.figures.items())
    who = f"{found.row:<14}{found.contestant:<19}"
    return f"[{place:>3}/{of}] {who}{found.took_s:5.1f} s  {figures or found.failure}"
