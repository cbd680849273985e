"""Ledgers: lines of JSON that are on disk before whoever writes them goes on."""

import json
import os
import time
from pathlib import Path
from typing import Any


class Ledger:
    """Appends lines to a file; any number of threads and lives of a process may."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(self._file, b"\n")  # ends a line that an earlier life left torn

    def line(self, **told: Any) -> None:
        """Write one line, with the time, and wait until it is on disk."""
        text = json.dumps({"at": time.time(), **told})
        os.write(self._file, f"{text}\n".encode())
        os.fsync(self._file)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a ledger; one that its writer did not live to end is none."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]
