"""The rig: kill a run at random moments, resume it each time, and compare with the ledger.

The oracle stands outside the system: a ledger of tool calls that the tools themselves write, and
the report of a run that nobody killed.
"""

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEDGERED = Path(__file__).with_name("ledgered_skep.py")
SWARM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
OBJECTIVE = "Audit this repository"


@dataclass
class Rig:
    """One workspace, one store, and what was seen of the runs in them."""

    home: Path
    workspace: Path
    environment: Mapping[str, str]
    kills: int = 0

    @property
    def ledger(self) -> Path:
        """Where the tools note their calls."""
        return self.home / "ledger"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `skep` with these arguments."""
        return subprocess.Popen(
            [sys.executable, str(LEDGERED), str(self.ledger), *arguments],
            cwd=self.home,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *arguments: str) -> Any:
        """Run `skep … --json` to its end and give the document."""
        process = self.start(*arguments, "--json")
        out, err = process.communicate(timeout=60)
        assert out, err
        return json.loads(out)

    def kill_at(self, moment_s: float, *arguments: str) -> int:
        """Start a command and kill it -9 at a moment, unless it has ended; gives its exit code."""
        process = self.start(*arguments)
        try:
            process.communicate(timeout=moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.kills += 1
        return process.returncode

    def run(self) -> tuple[str, ...]:
        """The arguments of the main job."""
        return ("run", OBJECTIVE, "--workspace", str(self.workspace), "--model", "offline", "--yes")

    def swarms(self) -> list[str]:
        """The ids of all swarms, youngest first."""
        return [swarm["swarm"] for swarm in self.ask("swarm", "list", "--limit", "100")["swarms"]]


def whole_run_s(rig: Rig) -> float:
    """How long a run takes that nobody kills; its swarm is the youngest afterwards."""
    began = time.monotonic()
    process = rig.start(*rig.run())
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    return time.monotonic() - began


def killed_run(rig: Rig, chance: random.Random, *, whole_s: float, kills_max: int) -> str:
    """Begin a run, kill it and its resumes at random moments, and let the last one end.

    Gives the swarm's id. A run that was killed before it was stored is begun again.
    """
    known = set(rig.swarms())
    fresh: list[str] = []
    while not fresh:
        rig.kill_at(chance.uniform(0, whole_s), *rig.run())
        fresh = [swarm for swarm in rig.swarms() if swarm not in known]
    (swarm,) = fresh
    for _ in range(chance.randint(0, kills_max)):
        if rig.kill_at(chance.uniform(0, whole_s), "resume", swarm) == 0:
            return swarm
    process = rig.start("resume", swarm)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return swarm


def report_of(rig: Rig, swarm: str) -> str:
    """The report that a run left, without the swarm's own id."""
    return SWARM_ID.sub("ID", (rig.home / ".skep" / "swarms" / swarm / "report.md").read_text())


def calls_after_their_record(rig: Rig, swarm: str, *, since: float) -> list[str]:
    """The tool calls of the ledger that were made although their result was recorded."""
    recorded: dict[str, float] = {}
    for event in events_of(rig, swarm):
        if event["kind"] == "step.recorded" and "/tool/" in event["data"]["key"]:
            recorded[event["data"]["key"].rpartition(":")[2]] = event["at"]
    calls = [line.split() for line in rig.ledger.read_text().splitlines()]
    return [
        f"{tool} at {at} by {pid}, recorded at {recorded[tool]}"
        for at, pid, tool in calls
        if float(at) >= since and tool in recorded and float(at) > recorded[tool]
    ]


def events_of(rig: Rig, swarm: str) -> Sequence[Mapping[str, Any]]:
    """All events of a swarm, read as JSON lines."""
    process = rig.start("swarm", "events", swarm, "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]
