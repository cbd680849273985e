"""Compare two commits in the five hottest operations, as ratios: did a change cost anything?

    python -m bench.guard [BASE] [HEAD]      (default: HEAD and the working tree)

Both commits are checked out beside each other and run in turns, so that whatever else the machine
does falls on both. CPU time is weighed, of which the least of all runs counts; `--count` counts
instructions instead, by `perf stat` or valgrind (they hardly vary, but valgrind takes minutes). The
status is 1 when an operation is dearer than the tolerance.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.environments import REPO
from bench.own.hot import OPERATIONS

TIMES: Final = {"submit": 15, "claim": 10, "settle": 10, "step": 200, "read": 100}
REPEATS: Final = 5
TOLERANCE_INSTRUCTIONS: Final = 1.05
TOLERANCE_TIME: Final = 1.25
WORKING_TREE: Final = "."
PERF: Final = ("perf", "stat", "-x,", "-e", "instructions:u")
VALGRIND: Final = (
    "valgrind",
    "--tool=cachegrind",
    "--cache-sim=no",
    "--cachegrind-out-file=/dev/null",
)
COUNT: Final = re.compile(r"^(\d+),,instructions|I\s+refs:\s+([\d,]+)", re.MULTILINE)
RUN_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What is weighed: instructions, or CPU time, and what is taken for a change of it."""

    name: str
    tolerance: float
    command: Sequence[str] = ()


TIME: Final = Scale(name="CPU time", tolerance=TOLERANCE_TIME)


def main(arguments: list[str]) -> int:
    """Weigh both commits and print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("base", nargs="?", default="HEAD")
    parser.add_argument("head", nargs="?", default=WORKING_TREE, help="`.`: the working tree")
    parser.add_argument("--count", action="store_true", help="count instructions")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    asked = parser.parse_args(arguments)
    scale = counting() if asked.count else TIME
    with checked_out(asked.base) as base, checked_out(asked.head) as head:
        print(f"{asked.base} -> {asked.head}: {scale.name}, least of {asked.repeats} runs")
        ratios = {name: ratio(name, base, head, asked.repeats, scale) for name in OPERATIONS}
    for name, found in ratios.items():
        word = "dearer" if found > scale.tolerance else "ok"
        print(f"{name:<10}{found:6.3f}  {word}")
    return int(any(found > scale.tolerance for found in ratios.values()))


def ratio(operation: str, base: Path, head: Path, repeats: int, scale: Scale) -> float:  # noqa: PLR0917 - a leaf
    """What the operation costs at the head, for each 1 at the base."""
    weights: dict[Path, list[float]] = {base: [], head: []}
    for _ in range(repeats):
        for tree, found in weights.items():
            found.append(weight(operation, tree, scale))
    return min(weights[head]) / min(weights[base])


def weight(operation: str, tree: Path, scale: Scale) -> float:
    """The cost of the operation in a tree, the start of the process left out."""
    if not scale.command:
        return float(_run(operation, TIMES[operation], tree).stdout)
    counts = [
        _instructions(_run(operation, times, tree, *scale.command).stderr)
        for times in (TIMES[operation], 0)
    ]
    return counts[0] - counts[1]


def counting() -> Scale:
    """Instructions, by whichever can count them here; in most virtual machines perf may not."""
    for command in (PERF, VALGRIND):
        if shutil.which(command[0]) and _counted(command, ["true"]):
            name = f"instructions by {command[0]}"
            return Scale(name=name, tolerance=TOLERANCE_INSTRUCTIONS, command=command)
    raise SystemExit("Neither `perf stat` nor valgrind counts instructions here.")


def _counted(command: Sequence[str], counted: Sequence[str]) -> float:
    ran = subprocess.run([*command, *counted], capture_output=True, text=True, check=False)
    return _instructions(ran.stderr)


def _instructions(said: str) -> float:
    """Read the count from what perf or valgrind said; 0 when there is none."""
    found = COUNT.search(said)
    return float(next(filter(None, found.groups())).replace(",", "")) if found else 0.0


def _run(operation: str, times: int, tree: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """Run this checkout's probe on the source of a tree."""
    probe = REPO / "bench" / "own" / "hot.py"
    return subprocess.run(
        [*before, sys.executable, str(probe), operation, str(times)],
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0"},
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=True,
        timeout=RUN_S,
    )


@contextmanager
def checked_out(commit: str) -> Generator[Path]:
    """A commit in a worktree that is gone afterwards; the working tree stands for itself."""
    if commit == WORKING_TREE:
        yield REPO
        return
    with tempfile.TemporaryDirectory(prefix="skep-guard-") as name:
        tree = Path(name) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=REPO, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
