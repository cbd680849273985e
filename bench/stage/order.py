"""What a contestant's process is told to do; it comes as JSON in one environment variable."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

VARIABLE: Final = "SKEP_BENCH_ORDER"
PAYLOAD_BYTES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One measurement: a row, its size, and where the contestant finds its server.

    `folder` is empty and the measurement's own. `seconds` is how long each task or agent waits in
    the rows where they wait, `workers` how many worker processes there are to be, `depth` how many
    leaves a DAG has, `swarm_tasks` how many tasks a swarm, `turns` how many an agent's run.
    """

    row: str
    count: int
    folder: str
    url: str = ""
    workers: int = 1
    payload_bytes: int = PAYLOAD_BYTES
    seconds: float = 1.0
    depth: int = 10
    swarm_tasks: int = 100
    turns: int = 3
    variant: str = ""

    @property
    def ledger(self) -> Path:
        """The file in which tasks write that they ran."""
        return Path(self.folder) / "ledger"

    @property
    def payload(self) -> str:
        """What each task is given and gives back."""
        return "x" * self.payload_bytes

    def as_environment(self) -> dict[str, str]:
        """The environment of a process that is to carry it out."""
        return {**os.environ, VARIABLE: json.dumps(asdict(self))}


def order() -> Order:
    """Read the order of this process."""
    return Order(**json.loads(os.environ[VARIABLE]))
